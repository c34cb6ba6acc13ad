# What `cmake --install` puts where: headers, static archives, the CMake package, three pkg-config files and the tool.
# Everything is found relative to its own place, so an installed prefix can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(axonpush_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/axonpush)
install(TARGETS axonpush axonpush_codec axonpush_client axonpush_net axonpush_testing EXPORT axonpush_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/axonpush DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT axonpush_targets NAMESPACE axonpush:: FILE axonpush-targets.cmake DESTINATION ${axonpush_cmake_dir})
if(TARGET axonpush_tool)
  install(TARGETS axonpush_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/src/packaging/axonpush-config.cmake.in
  ${PROJECT_BINARY_DIR}/packaging/axonpush-config.cmake INSTALL_DESTINATION ${axonpush_cmake_dir})
# Before 1.0 the minor number is the one that breaks.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/axonpush-config-version.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/packaging/axonpush-config.cmake
  ${PROJECT_BINARY_DIR}/packaging/axonpush-config-version.cmake DESTINATION ${axonpush_cmake_dir})

# pkg-config: paths relative to the .pc file where the install folders are relative, as they are unless a distribution
# gives absolute ones.
foreach(kind LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
    set(axonpush_pc_${kind} "${CMAKE_INSTALL_${kind}}")
  else()
    set(axonpush_pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
  endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(axonpush_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH axonpush_pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" axonpush_pc_up "${axonpush_pc_up}")
  set(axonpush_pc_prefix "\${pcfiledir}/${axonpush_pc_up}")
endif()
foreach(name axonpush axonpush-codec axonpush-testing)
  configure_file(${PROJECT_SOURCE_DIR}/src/packaging/${name}.pc.in ${PROJECT_BINARY_DIR}/packaging/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/packaging/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
