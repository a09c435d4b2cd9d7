# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Makes the Debian package in an empty directory, checks what it says of
# itself, and unpacks it to `root`.
file(REMOVE_RECURSE ${DIRECTORY})
file(MAKE_DIRECTORY ${DIRECTORY})
execute_process(
    COMMAND ${CPACK} --config ${CPACK_CONFIG} -G DEB -C "${CONFIG}"
            -B ${DIRECTORY}
    WORKING_DIRECTORY ${DIRECTORY} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB package ${DIRECTORY}/*.deb)

foreach(field IN ITEMS Package Version Depends)
    execute_process(
        COMMAND ${DPKG_DEB} --field ${package} ${field}
        OUTPUT_VARIABLE ${field} OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
endforeach()
if(NOT Package STREQUAL "libopslot-dev"
   OR NOT Version STREQUAL EXPECTED_VERSION
   OR NOT Depends MATCHES "libboost")
    message(FATAL_ERROR "${Package} ${Version} depends on ${Depends}")
endif()

execute_process(
    COMMAND ${DPKG_DEB} --extract ${package} ${DIRECTORY}/root
    COMMAND_ERROR_IS_FATAL ANY)
foreach(file IN ITEMS include/opslot/tcp.hpp share/doc/opslot/CHANGELOG.md)
    if(NOT EXISTS ${DIRECTORY}/root/usr/${file})
        message(FATAL_ERROR "the package has no ${file}")
    endif()
endforeach()
