# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# For Windows, on Debian: programs are made by mingw-w64 and run by Wine.

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
find_program(OPSLOT_WINE wine64 PATHS /usr/lib/wine)
if(OPSLOT_WINE)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${OPSLOT_WINE})
endif()
