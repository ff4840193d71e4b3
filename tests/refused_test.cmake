# What would be destroyed twice by g++ 12 inside co_await does not compile, and says what to write.
# Run with -DSOURCE_DIR=… -DCXX=… -DWORK_DIR=…
function(refuses name expression sentence)
  set(file ${WORK_DIR}/refused_${name}.cpp)
  file(WRITE ${file} "#include <behalf/plugin.hpp>
using namespace behalf;
using namespace std::chrono_literals;
coroutine<node_result> n(state_view, context ctx, auth_context auth) {
  co_await ${expression};
  co_return {};
}
")
  execute_process(COMMAND ${CXX} -std=c++20 -fsyntax-only -I${SOURCE_DIR} ${file}
                  RESULT_VARIABLE code ERROR_VARIABLE errors)
  if(code EQUAL 0)
    message(FATAL_ERROR "${expression} compiles")
  endif()
  string(FIND "${errors}" "${sentence}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${expression} is refused without its sentence:\n${errors}")
  endif()
endfunction()

refuses(request [[ctx.service("s").request({.method = "PATCH", .path = "/x"})]]
        [[write request("POST", "/path").header(name, value).body({{key, value}})]])
refuses(named_request [[ctx.service("s").request(http_operation{.method = "PUT", .path = "/x"})]]
        [[write request("POST", "/path").header(name, value).body({{key, value}})]])
refuses(search [[ctx.store().search({.limit = 5})]]
        [[write search({"label"}).filter({{key, value}}).limit(n).offset(n)]])
refuses(fetch [[auth.fetch({.service = "idp", .url = "https://idp.example/me"})]]
        [[write fetch("service", "https://…").header(name, value).body(bytes)]])
refuses(timed_fetch [[with_timeout(auth.fetch("idp", "https://idp.example/me"), 1s)]]
        [[write ctx.fetch(service, url).timeout(time)]])
refuses(timed_question [[with_timeout(ctx.interrupt("ok?"), 1s)]]
        [[a question has no time limit]])
refuses(list_member [[ctx.service("s").post("/", {{"l", {1, 2, 3}}})]] [[a list is list(1, 2)]])
refuses(list [[ctx.service("s").post("/", {"a", "b"})]] [[a list is list(1, 2)]])
refuses(fields [[ctx.service("s").call_tool("t", {"limit", 5})]]
        [[an object in braces is {{key, value}, {key, value}}]])
message(STATUS "nine forms are refused, each with its sentence")
