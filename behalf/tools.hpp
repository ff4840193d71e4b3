// Tools as C++ functions: what a model may call, with a schema made from the function's arguments.
//
//   struct add_args {
//     double a, b;
//     std::optional<std::string> unit;
//   };
//   BOOST_DESCRIBE_STRUCT(add_args, (), (a, b, unit))
//
//   auto add = tool("add", "Adds two numbers", [](const add_args& in) { return in.a + in.b; });
//   add.hints.read_only = true;
#pragma once

#include "behalf/chat_model.hpp"
#include "behalf/graph.hpp"

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace behalf {

/// What a tool does to the world (MCP's annotations), with the defaults of what nobody says.
struct tool_hints {
  bool read_only = false, destructive = true, idempotent = false, open_world = true;

  bool operator==(const tool_hints&) const = default;
};

/// A tool that is a function of this program.
struct function_tool {
  using function = std::function<coroutine<result<json::value>>(context, json::object arguments)>;

  tool_definition what; // the schema is one of an object
  function call;        // its arguments match the schema; an error is told to the model
  tool_hints hints = {};

  /// What an argument is for, told to the model.
  function_tool& argument(std::string_view name, std::string_view description);
};

/// A node that makes the calls of the last ai message in `messages` side by side, and answers each
/// with a tool message: whatever becomes of it is told to the model.
///
///   b.node("tools", tool_node({add, search}));
node_coroutine_fn tool_node(std::vector<function_tool> tools);

/// As a model is told of them, for chat_request::tools.
std::vector<tool_definition> definitions_of(const std::vector<function_tool>& tools);

// --- arguments from a described struct --------------------------------------------------------

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public
                                                          | boost::describe::mod_inherited>;

/// The JSON Schema of a bool, a number, a text, a vector, an optional, json::value, json::object,
/// or a struct that BOOST_DESCRIBE_STRUCT describes. Members that are optional may be left out.
template <class T>
json::object schema_of() {
  if constexpr (is_optional<T>)
    return schema_of<typename T::value_type>();
  else if constexpr (is_list<T>)
    return {{"type", "array"}, {"items", schema_of<typename T::value_type>()}};
  else if constexpr (std::same_as<T, json::value>)
    return {};
  else if constexpr (std::same_as<T, json::object>)
    return {{"type", "object"}};
  else if constexpr (std::same_as<T, bool>)
    return {{"type", "boolean"}};
  else if constexpr (std::is_integral_v<T>)
    return {{"type", "integer"}};
  else if constexpr (std::is_floating_point_v<T>)
    return {{"type", "number"}};
  else if constexpr (std::same_as<T, std::string>)
    return {{"type", "string"}};
  else {
    static_assert(boost::describe::has_describe_members<T>::value,
                  "describe the arguments: BOOST_DESCRIBE_STRUCT(type, (), (its, members)) beside "
                  "the type; members are bool, numbers, std::string, std::vector, std::optional, "
                  "json and such structs");
    json::object properties;
    json::array required;
    boost::mp11::mp_for_each<members_of<T>>([&](auto one) {
      using member = std::remove_cvref_t<decltype(std::declval<T&>().*one.pointer)>;
      properties[one.name] = schema_of<member>();
      if (!is_optional<member>)
        required.emplace_back(one.name);
    });
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
  }
}

/// The value as that type. Error: invalid_argument, which says what does not fit.
template <class T>
result<T> value_as(const json::value& given) {
  auto wrong = [&](const char* expected) {
    return fail(errc::invalid_argument, std::string("expected ") + expected);
  };
  T out{};
  if constexpr (is_optional<T>) {
    if (given.is_null())
      return out;
    auto inner = value_as<typename T::value_type>(given);
    if (!inner)
      return inner.error();
    out = std::move(*inner);
  } else if constexpr (is_list<T>) {
    if (!given.is_array())
      return wrong("a list");
    for (const auto& each : given.get_array()) {
      auto one = value_as<typename T::value_type>(each);
      if (!one)
        return one.error();
      out.push_back(std::move(*one));
    }
  } else if constexpr (std::same_as<T, json::value>) {
    out = given;
  } else if constexpr (std::same_as<T, json::object>) {
    if (!given.is_object())
      return wrong("an object");
    out = given.get_object();
  } else if constexpr (std::same_as<T, bool>) {
    if (!given.is_bool())
      return wrong("true or false");
    out = given.get_bool();
  } else if constexpr (std::is_arithmetic_v<T>) {
    boost::json::error_code inexact;
    out = given.is_number() ? given.template to_number<T>(inexact) : T{};
    if (!given.is_number() || inexact)
      return wrong("a number that fits");
  } else if constexpr (std::same_as<T, std::string>) {
    if (!given.is_string())
      return wrong("a text");
    out.assign(given.get_string().data(), given.get_string().size());
  } else {
    if (!given.is_object())
      return wrong("an object");
    std::optional<error> failed;
    boost::mp11::mp_for_each<members_of<T>>([&](auto one) {
      using type = std::remove_cvref_t<decltype(out.*one.pointer)>;
      const auto* value = member(given.get_object(), one.name);
      if (failed || (!value && is_optional<type>))
        return;
      auto read = value ? value_as<type>(*value) : wrong("a value");
      if (read)
        out.*one.pointer = std::move(*read);
      else
        failed = fail(errc::invalid_argument, std::string(one.name) + ": " + read.error().message);
    });
    if (failed)
      return *failed;
  }
  return out;
}

template <class F>
struct tool_signature {};
template <class F>
requires requires {
  &F::operator();
}
struct tool_signature<F> : tool_signature<decltype(&F::operator())> {};
template <class R, class A>
struct tool_signature<R (*)(A)> {
  using answer = R;
  using arguments = std::remove_cvref_t<A>;
};
template <class R, class A>
struct tool_signature<R (*)(context, A)> : tool_signature<R (*)(A)> {};
template <class C, class R, class A>
struct tool_signature<R (C::*)(A) const> : tool_signature<R (*)(A)> {};
template <class C, class R, class A>
struct tool_signature<R (C::*)(context, A) const> : tool_signature<R (*)(A)> {};

// Keeps the function, and what it captures, for as long as a call takes.
template <class F>
coroutine<result<json::value>> call_tool_function(std::shared_ptr<const F> run, context ctx,
                                                  json::object given) {
  using signature = tool_signature<F>;
  const auto arguments = value_as<typename signature::arguments>(json::value(std::move(given)));
  if (!arguments)
    co_return arguments.error();
  auto started = [&] {
    if constexpr (std::is_invocable_v<const F&, context, const typename signature::arguments&>)
      return (*run)(ctx, *arguments);
    else
      return (*run)(*arguments);
  };
  if constexpr (requires(typename signature::answer one) { one.start(); }) {
    auto under_way = started();
    co_return co_await std::move(under_way);
  } else if constexpr (std::convertible_to<typename signature::answer, result<json::value>>)
    co_return started();
  else
    co_return json::value(started());
}

/// A function of (context, const A&) or (const A&) as a tool; A is a described struct. It gives
/// what is JSON, a result of it, or a coroutine of such a result.
template <class F>
requires requires {
  typename tool_signature<std::decay_t<F>>::arguments;
}
function_tool tool(std::string name, std::string description, F&& run) {
  using function = std::decay_t<F>;
  function_tool made;
  made.what = {std::move(name), std::move(description),
               schema_of<typename tool_signature<function>::arguments>()};
  made.call = [kept = std::make_shared<const function>(std::forward<F>(run))](context ctx,
                                                                              json::object given) {
    return call_tool_function<function>(kept, std::move(ctx), std::move(given));
  };
  return made;
}

} // namespace behalf
