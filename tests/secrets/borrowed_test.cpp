#include "behalf/handlers.hpp"
#include "runtime/base/borrowed.hpp"
#include "runtime/graph/run_config.hpp"
#include "runtime/graph/run_events.hpp"
#include "runtime/http/router.hpp"
#include "secrets/vault_login.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

// What keeps a view of a T is made from a T with a name, and from nothing that ends before it.
template <class View, class T, class... More>
constexpr bool lends_only_what_lasts =
  std::is_constructible_v<View, const T&, More...>&& std::is_constructible_v<
    View, T&,
    More...> && !std::is_constructible_v<View, T, More...> && !std::is_constructible_v<View, const T, More...>;

static_assert(lends_only_what_lasts<borrowed<json::value>, json::value>);
static_assert(lends_only_what_lasts<borrowed<std::string>, std::string>);
// An object would become a value on the way, which nobody keeps.
static_assert(!std::is_constructible_v<borrowed<json::value>, json::object&>);
static_assert(!std::is_constructible_v<borrowed<std::string>, const char*>);

static_assert(lends_only_what_lasts<on_context, principal, std::string_view, std::string_view>);
static_assert(lends_only_what_lasts<step_input, state_view, context&>);
static_assert(lends_only_what_lasts<vault_login, vault_options>);
static_assert(lends_only_what_lasts<event_maker, run_spec, const graph&>);
static_assert(!std::is_constructible_v<event_maker, const run_spec&, graph>);

// Functions that answer a part of what they are given.
template <class T>
concept has_members = requires(T&& from) {
  member(std::forward<T>(from), "a");
};
template <class T>
concept has_texts = requires(T&& from) {
  string_or(std::forward<T>(from), "a");
};
template <class T>
concept has_objects = requires(T&& from) {
  object_or_empty(std::forward<T>(from), "a");
};
template <class T>
concept has_headers = requires(T&& from) {
  find_header(std::forward<T>(from), "a");
};
template <class T>
concept has_route = requires(const router<int>& routes, T&& from) {
  routes.find(std::forward<T>(from));
};

static_assert(has_members<json::value&> && !has_members<json::value>);
static_assert(has_members<json::object&> && !has_members<json::object>);
static_assert(has_texts<json::object&> && !has_texts<json::object>);
static_assert(has_objects<json::object&> && !has_objects<json::object>);
static_assert(has_headers<header_list&> && !has_headers<header_list>);
static_assert(has_route<http_request&> && !has_route<http_request>);

} // namespace

TEST_CASE("what is borrowed is the lender's own", "[base]") {
  json::object config{{"a", 1}}, metadata{{"b", 2}};
  json::value context = nullptr;
  const config_layer layer{config, metadata, context};
  config["a"] = 3;
  CHECK(layer.config->at("a") == 3);
  CHECK(&*layer.context == &context);
}
