# Every ```cpp block of the pages for authors of graphs, compiled: an example that no longer holds
# breaks the build. A block stands in a namespace of its own; one that says ```cpp fragment is the
# inside of a coroutine with `state` and `ctx`. Together in one source, since the headers take most
# of the time.
file(GLOB pages CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/docs/how-to/*.md
     ${CMAKE_SOURCE_DIR}/docs/reference/graph-api.md)
set(source ${CMAKE_CURRENT_BINARY_DIR}/doc_snippets.cpp)
file(
  WRITE ${source}.new
  [=[#include <behalf/agent.hpp>
#include <behalf/chat_model.hpp>
#include <behalf/plugin.hpp>
#include <behalf/testing.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
// Said here, as no compiler's options come behind it.
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
// A library has one.
#undef BEHALF_PLUGIN
#define BEHALF_PLUGIN(registry) static void fill([[maybe_unused]] behalf::plugin_registry& registry)
#define BEHALF_TEST_LIBRARY "libmine.so"
using namespace std::chrono_literals;
]=])
set(count 0)
foreach(page ${pages})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${page})
  file(READ ${CMAKE_SOURCE_DIR}/${page} rest)
  set(line 1)
  while(TRUE)
    string(FIND "${rest}" "```cpp" at)
    if(at EQUAL -1)
      break()
    endif()
    string(SUBSTRING "${rest}" 0 ${at} before)
    string(REGEX MATCHALL "\n" breaks "${before}")
    list(LENGTH breaks skipped)
    math(EXPR line "${line} + ${skipped} + 1")
    math(EXPR at "${at} + 6")
    string(SUBSTRING "${rest}" ${at} -1 rest)
    string(FIND "${rest}" "\n" at)
    string(SUBSTRING "${rest}" 0 ${at} info)
    math(EXPR at "${at} + 1")
    string(SUBSTRING "${rest}" ${at} -1 rest)
    string(FIND "${rest}" "```" at)
    string(SUBSTRING "${rest}" 0 ${at} block)
    string(REGEX MATCHALL "\n" breaks "${block}")
    list(LENGTH breaks skipped)
    math(EXPR count "${count} + 1")
    set(code "#line ${line} \"${page}\"\n${block}\n")
    if(info MATCHES "fragment")
      set(code "coroutine<node_result> fragment(state_view state, context ctx) {\n${code}co_return {};\n}\n")
    endif()
    file(APPEND ${source}.new
         "namespace snippet_${count} {\nusing namespace behalf;\n${code}} // namespace\n")
    math(EXPR line "${line} + ${skipped}")
    math(EXPR at "${at} + 3")
    string(SUBSTRING "${rest}" ${at} -1 rest)
  endwhile()
endforeach()
configure_file(${source}.new ${source} COPYONLY) # untouched when nothing changed
add_library(doc_snippets MODULE ${source})
target_link_libraries(doc_snippets PRIVATE behalf_options)
target_compile_options(doc_snippets PRIVATE -O0)
