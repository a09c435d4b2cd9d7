# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Runs Doxygen, and shows its warnings, of which there must be none.
execute_process(COMMAND ${DOXYGEN} Doxyfile
                WORKING_DIRECTORY ${DIRECTORY} RESULT_VARIABLE result)
file(READ ${DIRECTORY}/reference_warnings.txt warnings)
if(NOT result EQUAL 0 OR warnings)
    message(FATAL_ERROR "the reference is not right:\n${warnings}")
endif()
