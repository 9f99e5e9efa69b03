# What others build on: libblindtuner-owner, libblindtuner-server and libblindtuner-encoders, each whole, made of the objects of all layers
# that its interface reaches; and how they are installed.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# What pkg-config calls what we link, or how the linker is told of it.
set(package_of_OpenSSL::Crypto libcrypto)
set(package_of_TBB::tbb tbb)
set(package_of_ZLIB::ZLIB zlib)
set(package_of_PkgConfig::UTF8PROC libutf8proc)
set(package_of_JPEG::JPEG libjpeg)
set(package_of_PNG::PNG libpng)
set(package_of_PkgConfig::WEBP "libwebp libwebpdemux")
set(flag_of_Threads::Threads -pthread)
set(flag_of_OpenMP::OpenMP_CXX -fopenmp)
set(flag_of_${DNNL_LIBRARY} -ldnnl)

# Appends to `layers_out` a layer and the layers that it reaches, to `others_out` what else they link.
function(blindtuner_reach layer layers_out others_out)
  set(layers ${${layers_out}})
  set(others ${${others_out}})
  get_property(known GLOBAL PROPERTY BLINDTUNER_LAYERS)
  list(APPEND layers ${layer})
  get_target_property(links ${layer} INTERFACE_LINK_LIBRARIES)
  foreach(link IN LISTS links)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.+)>$" "\\1" link ${link})
    if(link IN_LIST layers OR link IN_LIST others)
      continue()
    elseif(link IN_LIST known)
      blindtuner_reach(${link} layers others)
    else()
      list(APPEND others ${link})
    endif()
  endforeach()
  set(${layers_out} ${layers} PARENT_SCOPE)
  set(${others_out} ${others} PARENT_SCOPE)
endfunction()

# blindtuner_library(NAME LAYER): BlindTuner::NAME, static or shared as BUILD_SHARED_LIBS says, of
# LAYER and all that it reaches; installed with its program, headers and package files as the component NAME.
function(blindtuner_library name layer)
  set(layers "")
  set(links "")
  blindtuner_reach(${layer} layers links)
  # Of headers alone, and of none that is installed.
  list(REMOVE_ITEM links nlohmann_json::nlohmann_json Eigen3::Eigen)

  set(target blindtuner_${name})
  if(BUILD_SHARED_LIBS)
    # Of the layers' archives, so that objects are compiled once for both kinds.
    set(exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
    list(TRANSFORM layers REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${target}.cpp CONTENT "")  # CMake wants a source
    add_library(${target} SHARED ${PROJECT_BINARY_DIR}/${target}.cpp)
    add_dependencies(${target} ${layers})
    set_target_properties(${target} PROPERTIES LINK_DEPENDS "${exports};${archives}")
    target_link_options(${target} PRIVATE LINKER:--version-script=${exports} LINKER:--no-undefined LINKER:-z,text)
    target_link_libraries(${target} PRIVATE
      -Wl,--push-state,--whole-archive ${archives} -Wl,--pop-state)
  else()
    list(TRANSFORM layers REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
    add_library(${target} STATIC ${objects})
  endif()
  add_library(BlindTuner::${name} ALIAS ${target})
  blindtuner_options(${target})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PRIVATE ${links})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME blindtuner-${name} EXPORT_NAME ${name} LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/BlindTuner)
  install(TARGETS ${target} EXPORT BlindTuner-${name} COMPONENT ${name})
  install(EXPORT BlindTuner-${name} NAMESPACE BlindTuner:: DESTINATION ${package} COMPONENT ${name})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT ${name})
  # What headers cite, and what that cites.
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/BIBLIOGRAPHY.md DESTINATION ${CMAKE_INSTALL_DOCDIR}
    COMPONENT ${name})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${name}
    FILES_MATCHING PATTERN *.md PATTERN site EXCLUDE PATTERN plots EXCLUDE)
  install(FILES ${PROJECT_BINARY_DIR}/BlindTunerConfig.cmake ${PROJECT_BINARY_DIR}/BlindTunerConfigVersion.cmake
    DESTINATION ${package} COMPONENT ${name})

  # What an archive needs besides, its user links; a shared library has it linked.
  set(requires "")
  set(libraries "")
  foreach(link IN LISTS links)
    if(DEFINED package_of_${link})
      list(APPEND requires ${package_of_${link}})
    elseif(DEFINED flag_of_${link})
      list(APPEND libraries ${flag_of_${link}})
    else()
      message(FATAL_ERROR "blindtuner-${name}.pc does not know how to ask for '${link}'")
    endif()
  endforeach()
  list(JOIN requires " " requires)
  list(JOIN libraries " " libraries)
  set(requires_private "")
  set(libraries_private "")
  if(BUILD_SHARED_LIBS)
    set(requires_private ${requires})
    set(libraries_private ${libraries})
    set(requires "")
    set(libraries "")
  endif()
  file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(cmake/blindtuner.pc.in blindtuner-${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/blindtuner-${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${name})
endfunction()

configure_package_config_file(cmake/BlindTunerConfig.cmake.in BlindTunerConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/BlindTuner)
write_basic_package_version_file(BlindTunerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
blindtuner_library(owner api_owner)
blindtuner_library(server api_server)
if(BLINDTUNER_ENCODERS)
  blindtuner_library(encoders api_encoders)
endif()
if(BLINDTUNER_PROGRAMS)
  install(TARGETS blindtuner COMPONENT owner)
  install(TARGETS blindtuner-server COMPONENT server)
endif()
