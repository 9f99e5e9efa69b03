# How everything here is compiled. It belongs to each target and to none that links it: whoever builds on
# the libraries keeps options of their own, and no option changes what an installed header says.

option(BLINDTUNER_VERIFY "Assert value ranges inside the kernels and rings" OFF)

# blindtuner_options(TARGET): called once for every target.
function(blindtuner_options target)
  set_target_properties(${target} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    # The kernels promise the same bits on every instruction set, floating point included.
    -Wall -Wextra -Wshadow -Wno-psabi -ffp-contract=off
    # GCC 12 sees overlapping copies in the sum of a literal and a string.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  # One kind of object for programs, archives and shared libraries. Hidden, so that code calls its own functions
  # as directly as a program's does; the public headers say what is seen from outside.
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # Against what a memory error could be turned into; tests/app/hardening_test.py reads them off the
  # programs. Library calls are checked where the compiler optimises.
  target_compile_options(${target} PRIVATE -fstack-protector-strong
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  target_compile_definitions(${target} PRIVATE $<$<BOOL:${BLINDTUNER_VERIFY}>:BLINDTUNER_VERIFY=1>)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL STATIC_LIBRARY)
    target_link_options(${target} PRIVATE $<$<STREQUAL:${type},EXECUTABLE>:-pie>
      LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
  endif()
endfunction()
