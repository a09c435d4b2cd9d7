# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Builds and runs some tests of another preset: SOURCE, BINARY (where), PRESET,
# and TESTS, their names with commas in between.
string(REPLACE "," ";" tests ${TESTS})
list(TRANSFORM tests REPLACE "\\." "_" OUTPUT_VARIABLE targets)
list(TRANSFORM targets PREPEND "test_")
list(JOIN tests "|" names)
string(REPLACE "." "\\." names "${names}")
list(LENGTH tests count)

execute_process(
    COMMAND ${CMAKE_COMMAND} --preset ${PRESET} -B ${BINARY}
            -DOPSLOT_BUILD_EXAMPLES=OFF
    WORKING_DIRECTORY ${SOURCE} COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND ${CMAKE_COMMAND} --build ${BINARY} --parallel 2 --target ${targets}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${BINARY} --output-on-failure
            --no-tests=error -R "^(${names})$"
    COMMAND_ERROR_IS_FATAL ANY)
