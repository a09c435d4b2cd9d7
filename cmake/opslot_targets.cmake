# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# What the targets of the library, its tests, examples and benchmarks share.

# The warnings that our own sources are free of.
function(opslot_set_warnings target)
    if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
        target_compile_options(${target} PRIVATE
            -Wall -Wextra -Wpedantic -Wshadow -Wconversion
            $<$<BOOL:${OPSLOT_WERROR}>:-Werror>)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            # Wrong about std::optional and boost::function in Boost's own
            # headers, by inlining: a warning, but no error.
            target_compile_options(${target} PRIVATE
                -Wno-error=maybe-uninitialized -Wno-error=uninitialized
                -Wno-error=mismatched-new-delete)
        endif()
    elseif(MSVC)
        target_compile_options(${target} PRIVATE
            /W4 $<$<BOOL:${OPSLOT_WERROR}>:/WX>)
    endif()
endfunction()

# Sets `result` to what follows `// <name>: ` in the first five lines of the
# source, or to nothing. Editing the source configures again.
function(opslot_get_marker result source name)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(STRINGS ${source} lines LIMIT_COUNT 5 REGEX "^// ${name}: ")
    string(REGEX REPLACE "^// ${name}: " "" value "${lines}")
    set(${result} "${value}" PARENT_SCOPE)
endfunction()

# Adds a program of which the first source may say `// cxxstd: 20`.
function(opslot_add_executable target source)
    add_executable(${target} ${source} ${ARGN})
    set(standard 17)
    foreach(each IN ITEMS ${source} ${ARGN})
        opslot_get_marker(marked ${each} cxxstd)
        if(marked)
            set(standard ${marked})
        endif()
    endforeach()
    target_compile_features(${target} PRIVATE cxx_std_${standard})
    set_target_properties(${target} PROPERTIES OPSLOT_CXX_STANDARD ${standard})
    opslot_set_warnings(${target})
endfunction()
