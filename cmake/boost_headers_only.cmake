# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Boost's headers for a cross compiler. The folder that they are installed in
# has those of the wrong C library as well, so a link to them alone is made.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/boost)
file(CREATE_LINK /usr/include/boost ${CMAKE_BINARY_DIR}/boost/boost SYMBOLIC)
add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
target_include_directories(Boost::headers SYSTEM INTERFACE
    ${CMAKE_BINARY_DIR}/boost)
if(WIN32)
    # Windows 8, and the libraries of its sockets.
    target_compile_definitions(Boost::headers INTERFACE _WIN32_WINNT=0x0602)
    target_link_libraries(Boost::headers INTERFACE ws2_32 mswsock)
endif()
