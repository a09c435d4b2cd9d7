# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# pkg-config's files and a Debian package. Included after the installation.

# The files say where they are, so an installation may be moved.
cmake_path(APPEND CMAKE_INSTALL_LIBDIR "pkgconfig" OUTPUT_VARIABLE pc_directory)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
           BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${pc_directory}
           OUTPUT_VARIABLE opslot_prefix_from_pc)
set(opslot_pc_definitions "")
if(OPSLOT_ENGINE STREQUAL "portable")
    set(opslot_pc_definitions " -DOPSLOT_ENGINE_PORTABLE=1")
endif()
foreach(name IN ITEMS opslot opslot-testing)
    configure_file(cmake/${name}.pc.in
                   ${PROJECT_BINARY_DIR}/cmake/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/cmake/${name}.pc
            DESTINATION ${pc_directory})
endforeach()

install(FILES LICENSE_1_0.txt CHANGELOG.md README.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# cpack -G DEB. The library is static, so this is a package for development.
if(PROJECT_IS_TOP_LEVEL)
    set(CPACK_GENERATOR DEB)
    set(CPACK_PACKAGE_NAME libopslot-dev)
    set(CPACK_PACKAGE_CONTACT "The opslot authors")
    set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
    set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
    set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE_1_0.txt)
    set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
    set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
    set(CPACK_DEBIAN_PACKAGE_DEPENDS
        "libboost1.81-dev | libboost-dev (>= 1.81)")
    include(CPack)
endif()
