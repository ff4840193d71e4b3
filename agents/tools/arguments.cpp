#include "agents/tools/arguments.hpp"

#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/schema_reference.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <variant>
#include <vector>

namespace behalf {
namespace {

constexpr std::size_t most_steps = 200'000;  // some tens of milliseconds
constexpr std::size_t deepest = 400;         // schemas within schemas: the stack they take
constexpr std::size_t longest_listing = 300; // of names or values, in a sentence

// What a schema says of a value. Maybe: it uses words that are not read here, so that neither it
// nor its opposite refuses anything.
enum class match : uint8_t { no, maybe, yes };

struct kind {
  std::string_view name, words;
};
constexpr std::array<kind, 7> kinds{{{"string", "a string"},
                                     {"number", "a number"},
                                     {"integer", "an integer"},
                                     {"boolean", "true or false"},
                                     {"array", "a list"},
                                     {"object", "an object"},
                                     {"null", "null"}}};

// Exact for all integers of 64 bits where a long double has a mantissa of as many.
long double number(const json::value& v) {
  return v.is_int64()    ? static_cast<long double>(v.get_int64())
         : v.is_uint64() ? static_cast<long double>(v.get_uint64())
                         : static_cast<long double>(v.get_double());
}

bool is_a(const json::value& v, std::string_view type) {
  if (type == "integer")
    return v.is_int64() || v.is_uint64()
           || (v.is_double() && std::trunc(v.get_double()) == v.get_double());
  return type == (v.is_array() ? "array" : kind_name(v));
}

bool is_type(std::string_view name) {
  return among({"null", "boolean", "integer", "number", "string", "array", "object"}, name);
}

std::string_view view(json::string_view s) {
  return {s.data(), s.size()};
}

// One, or the elements of a list.
std::span<const json::value> some(const json::value& v) {
  const auto* all = v.if_array();
  return all ? std::span{all->data(), all->size()} : std::span{&v, 1};
}

const json::object& members(const json::value& v) {
  static const json::object none;
  return v.is_object() ? v.get_object() : none;
}

std::string_view words_of(std::string_view type) {
  const auto* known =
    std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.name == type; });
  return known == kinds.end() ? cut_utf8(type, 20) : known->words;
}

// "a, b, c", or as much of it as a sentence takes.
class listing {
public:
  bool add(std::string_view next) {
    const bool fits = text_.size() + next.size() <= longest_listing;
    if (!text_.empty())
      text_ += ", ";
    text_ += fits ? next : "…";
    return fits;
  }
  const std::string& text() const { return text_; }

private:
  std::string text_;
};

// A pattern that is but a text: where it stands in what it matches.
struct literal {
  bool at_begin = false, at_end = false;
  std::string text;
};

// Nothing: it has signs of regular expressions.
std::optional<literal> literal_of(std::string_view pattern) {
  constexpr std::string_view signs = "\\^$.|?*+()[]{}/-";
  literal all;
  if ((all.at_begin = pattern.starts_with('^')))
    pattern.remove_prefix(1);
  while (!pattern.empty()) {
    if (pattern == "$") {
      all.at_end = true;
      break;
    }
    if (pattern[0] == '\\') {
      if (pattern.size() < 2 || signs.find(pattern[1]) == signs.npos)
        return std::nullopt; // \d and the like
      pattern.remove_prefix(1);
    } else if (signs.substr(0, signs.size() - 2).find(pattern[0]) != signs.npos)
      return std::nullopt;
    all.text += pattern[0];
    pattern.remove_prefix(1);
  }
  return all;
}

class checker {
public:
  explicit checker(const json::object& root) : root_(root) {}

  result<void> run(const json::value& arguments) {
    const auto found = check(root_, arguments);
    if (spent_)
      return fail(errc::invalid_argument, "The arguments cannot be checked: the tool's schema is "
                                          "too large, or refers to itself");
    if (found == match::no)
      return fail(errc::invalid_argument, why_);
    return {};
  }

  arguments_fit fit(const json::value& arguments) {
    const auto found = quietly(root_, arguments);
    if (spent_ || found == match::maybe)
      return arguments_fit::unknown;
    return found == match::yes ? arguments_fit::yes : arguments_fit::no;
  }

  static bool reads(std::string_view keyword, const json::value& expected) {
    if (keyword == "pattern")
      return expected.is_string() && literal_of(view(expected.get_string()));
    return rules().contains(keyword) && keyword != "format";
  }

private:
  using rule = match (checker::*)(const json::object& schema, const json::value& expected,
                                  const json::value& v);

  // Null: it says nothing of the value.
  static const std::map<std::string_view, rule>& rules() {
    static const std::map<std::string_view, rule> all{
      {"$ref", &checker::reference},
      {"type", &checker::type},
      {"enum", &checker::one_value},
      {"const", &checker::this_value},
      {"minimum", &checker::minimum},
      {"maximum", &checker::maximum},
      {"exclusiveMinimum", &checker::above},
      {"exclusiveMaximum", &checker::below},
      {"minLength", &checker::min_length},
      {"maxLength", &checker::max_length},
      {"pattern", &checker::pattern},
      {"minItems", &checker::min_items},
      {"maxItems", &checker::max_items},
      {"minProperties", &checker::min_properties},
      {"maxProperties", &checker::max_properties},
      {"properties", &checker::properties},
      {"required", &checker::required},
      {"additionalProperties", &checker::additional},
      {"prefixItems", &checker::prefix_items},
      {"items", &checker::items},
      {"allOf", &checker::all_of},
      {"anyOf", &checker::any_of},
      {"oneOf", &checker::one_of},
      {"not", &checker::opposite},
      {"title", nullptr},
      {"description", nullptr},
      {"default", nullptr},
      {"examples", nullptr},
      {"format", nullptr},
      {"$schema", nullptr},
      {"$id", nullptr},
      {"$comment", nullptr},
      {"$defs", nullptr},
      {"definitions", nullptr},
      {"deprecated", nullptr},
      {"readOnly", nullptr},
      {"writeOnly", nullptr}};
    return all;
  }

  match check(const json::value& schema, const json::value& v) {
    if (const auto* o = schema.if_object())
      return check(*o, v);
    if (schema.is_bool() && !schema.get_bool())
      return no([] { return " is not allowed"; });
    return schema.is_bool() ? match::yes : match::maybe;
  }

  match check(const json::object& schema, const json::value& v) {
    if (depth_ == deepest)
      return give_up();
    ++depth_;
    auto found = match::yes;
    for (const auto& [key, expected] : schema) {
      if (!spend(1))
        found = match::no;
      else if (auto named = rules().find(view(key)); named == rules().end())
        found = std::min(found, match::maybe);
      else if (named->second)
        found = std::min(found, (this->*named->second)(schema, expected, v));
      if (found == match::no)
        break;
    }
    --depth_;
    return found;
  }

  match check_at(std::variant<std::string_view, std::size_t> step, const json::value& schema,
                 const json::value& v) {
    path_.push_back(step);
    const auto found = check(schema, v);
    path_.pop_back();
    return found;
  }

  match quietly(const json::value& schema, const json::value& v) {
    ++quiet_;
    const auto found = check(schema, v);
    --quiet_;
    return found;
  }

  match reference(const json::object&, const json::value& expected, const json::value& v) {
    const auto* named = referred(expected);
    return named ? check(*named, v) : match::maybe;
  }

  // Looked for once: it takes longer than most checks.
  const json::object* referred(const json::value& reference) {
    if (!reference.is_string())
      return nullptr;
    auto [at, fresh] = referred_.try_emplace(&reference, nullptr);
    if (fresh && spend(64))
      at->second = schema_at(root_, view(reference.get_string()));
    return at->second;
  }

  match type(const json::object&, const json::value& expected, const json::value& v) {
    listing words;
    for (const auto& each : some(expected)) {
      if (!spend(1))
        return match::no;
      if (!each.is_string() || !is_type(view(each.get_string())))
        return match::maybe;
      if (is_a(v, view(each.get_string())))
        return match::yes;
      if (quiet_ == 0)
        words.add(words_of(view(each.get_string())));
    }
    return no([&] { return must_be(words, v); });
  }

  match one_value(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    for (const auto& each : expected.get_array()) {
      if (same(each, v))
        return match::yes;
      if (spent_)
        return match::no;
    }
    return no([&] {
      listing values;
      for (const auto& each : expected.get_array())
        if (!values.add(excerpt(each)))
          break;
      return must_be(values, v);
    });
  }

  match this_value(const json::object&, const json::value& expected, const json::value& v) {
    if (same(expected, v))
      return match::yes;
    return no([&] { return " must be " + excerpt(expected) + ", but is " + excerpt(v); });
  }

  match minimum(const json::object&, const json::value& bound, const json::value& v) {
    return bounded(bound, v, "at least ", [](auto a, auto b) { return a >= b; });
  }
  match maximum(const json::object&, const json::value& bound, const json::value& v) {
    return bounded(bound, v, "at most ", [](auto a, auto b) { return a <= b; });
  }
  match above(const json::object&, const json::value& bound, const json::value& v) {
    return bounded(bound, v, "more than ", [](auto a, auto b) { return a > b; });
  }
  match below(const json::object&, const json::value& bound, const json::value& v) {
    return bounded(bound, v, "less than ", [](auto a, auto b) { return a < b; });
  }

  template <class Holds>
  match bounded(const json::value& bound, const json::value& v, std::string_view words,
                Holds holds) {
    if (!bound.is_number())
      return match::maybe;
    if (!v.is_number() || holds(number(v), number(bound)))
      return match::yes;
    return no(
      [&] { return " must be " + std::string(words) + excerpt(bound) + ", but is " + excerpt(v); });
  }

  match min_length(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_string() ? at_least(bound, length(v.get_string()), "characters") : match::yes;
  }
  match max_length(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_string() ? at_most(bound, length(v.get_string()), "characters") : match::yes;
  }
  match pattern(const json::object&, const json::value& expected, const json::value& v) {
    const auto wanted =
      expected.is_string() ? literal_of(view(expected.get_string())) : std::nullopt;
    if (!wanted)
      return match::maybe;
    if (!v.is_string())
      return match::yes;
    const auto text = view(v.get_string());
    if (!spend(1 + text.size() / 64))
      return match::no;
    const auto& part = wanted->text;
    const bool found = wanted->at_begin && wanted->at_end ? text == part
                       : wanted->at_begin                 ? text.starts_with(part)
                       : wanted->at_end                   ? text.ends_with(part)
                                                          : text.find(part) != text.npos;
    if (found)
      return match::yes;
    return no([&] { return " must match " + excerpt(expected) + ", but is " + excerpt(v); });
  }

  match min_items(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_array() ? at_least(bound, v.get_array().size(), "elements") : match::yes;
  }
  match max_items(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_array() ? at_most(bound, v.get_array().size(), "elements") : match::yes;
  }
  match min_properties(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_object() ? at_least(bound, v.get_object().size(), "members") : match::yes;
  }
  match max_properties(const json::object&, const json::value& bound, const json::value& v) {
    return v.is_object() ? at_most(bound, v.get_object().size(), "members") : match::yes;
  }

  match at_least(const json::value& bound, std::size_t size, std::string_view what) {
    return counted(bound, size, "at least ", what, [](auto a, auto b) { return a >= b; });
  }
  match at_most(const json::value& bound, std::size_t size, std::string_view what) {
    return counted(bound, size, "at most ", what, [](auto a, auto b) { return a <= b; });
  }

  template <class Holds>
  match counted(const json::value& bound, std::size_t size, std::string_view words,
                std::string_view what, Holds holds) {
    if (!bound.is_number())
      return match::maybe;
    if (holds(static_cast<long double>(size), number(bound)))
      return match::yes;
    return no([&] {
      return " must have " + std::string(words) + excerpt(bound) + " " + std::string(what)
             + ", but has " + std::to_string(size);
    });
  }

  match properties(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_object())
      return match::maybe;
    auto found = match::yes;
    for (const auto& [key, each] : members(v)) {
      if (!spend(1 + key.size() / 64))
        return match::no;
      if (const auto* schema = member(expected.get_object(), view(key)))
        found = std::min(found, check_at(view(key), *schema, each));
      if (found == match::no)
        break;
    }
    return found;
  }

  match required(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    if (!v.is_object())
      return match::yes;
    for (const auto& each : expected.get_array()) {
      if (!each.is_string())
        return match::maybe;
      if (!spend(1 + each.get_string().size() / 64))
        return match::no;
      if (!v.get_object().contains(each.get_string()))
        return no([&] { return " must have " + excerpt(each); });
    }
    return match::yes;
  }

  match additional(const json::object& schema, const json::value& expected, const json::value& v) {
    if (schema.contains("patternProperties"))
      return match::maybe;
    const auto& known = object_or_empty(schema, "properties");
    auto found = match::yes;
    for (const auto& [key, each] : members(v)) {
      if (!spend(1 + key.size() / 64))
        return match::no;
      if (known.contains(key))
        continue;
      if (expected == json::value(false))
        return no([&, name = json::value(key)] {
          listing names;
          for (const auto& one : known)
            if (!names.add(view(one.key())))
              break;
          return " must not have " + excerpt(name)
                 + (known.empty() ? "" : "; it takes: " + names.text());
        });
      found = std::min(found, check_at(view(key), expected, each));
      if (found == match::no)
        break;
    }
    return found;
  }

  match prefix_items(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    const auto& schemas = expected.get_array();
    return elements(v, 0, schemas.size(), [&](std::size_t i) { return &schemas[i]; });
  }

  match items(const json::object& schema, const json::value& expected, const json::value& v) {
    if (expected.is_array())
      return prefix_items(schema, expected, v);
    const auto* prefix = member(schema, "prefixItems");
    return elements(v, prefix && prefix->is_array() ? prefix->get_array().size() : 0,
                    static_cast<std::size_t>(-1), [&](std::size_t) { return &expected; });
  }

  template <class SchemaOf>
  match elements(const json::value& v, std::size_t first, std::size_t end, SchemaOf schema_of) {
    auto found = match::yes;
    const auto size = v.is_array() ? v.get_array().size() : 0;
    for (auto i = first; i < std::min(size, end) && found != match::no; ++i)
      found = spend(1) ? std::min(found, check_at(i, *schema_of(i), v.get_array()[i])) : match::no;
    return found;
  }

  match all_of(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    auto found = match::yes;
    for (const auto& each : expected.get_array())
      if (found != match::no)
        found = spend(1) ? std::min(found, check(each, v)) : match::no;
    return found;
  }

  match any_of(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    auto found = match::no;
    for (const auto& each : expected.get_array())
      if (found != match::yes && spend(1))
        found = std::max(found, quietly(each, v));
    return found == match::no ? none_of(expected.get_array(), v) : found;
  }

  match one_of(const json::object&, const json::value& expected, const json::value& v) {
    if (!expected.is_array())
      return match::maybe;
    std::size_t matching = 0, open = 0;
    for (const auto& each : expected.get_array()) {
      const auto found = spend(1) ? quietly(each, v) : match::no;
      matching += found == match::yes ? 1 : 0;
      open += found == match::maybe ? 1 : 0;
    }
    if (matching > 1)
      return no([] { return " matches more than one of its alternatives"; });
    if (matching + open == 0)
      return none_of(expected.get_array(), v);
    return open == 0 ? match::yes : match::maybe;
  }

  match opposite(const json::object&, const json::value& expected, const json::value& v) {
    const auto found = quietly(expected, v);
    if (found == match::yes)
      return no([&] { return " must not be " + excerpt(v); });
    return found == match::no ? match::yes : match::maybe;
  }

  // What the model did wrong, as well as can be told: the alternative of its type says it best.
  match none_of(const json::array& alternatives, const json::value& v) {
    if (quiet_ != 0 || spent_)
      return match::no;
    const json::value* meant = nullptr;
    std::size_t fitting = 0;
    bool typed = true;
    listing words;
    for (const auto& each : alternatives) {
      const auto* type = type_of(each);
      typed = typed && type;
      if (!type)
        continue;
      words.add(words_of(view(*type)));
      if (is_a(v, view(*type))) {
        meant = &each;
        ++fitting;
      }
    }
    if (fitting == 1)
      return check(*meant, v);
    return no([&] {
      return typed && fitting == 0 && !alternatives.empty()
               ? must_be(words, v)
               : " matches none of its " + std::to_string(alternatives.size()) + " alternatives";
    });
  }

  const json::string* type_of(const json::value& alternative) {
    const auto* o = alternative.if_object();
    if (const auto* reference = o ? member(*o, "$ref") : nullptr)
      o = referred(*reference);
    const auto* type = o ? member(*o, "type") : nullptr;
    return type ? type->if_string() : nullptr;
  }

  // JSON Schema's equality: 1 is 1.0.
  bool same(const json::value& a, const json::value& b) {
    if (!spend(1))
      return false;
    if (a.is_number() && b.is_number())
      return number(a) == number(b);
    if (a.kind() != b.kind())
      return false;
    if (a.is_string())
      return a.get_string().size() == b.get_string().size() && spend(a.get_string().size() / 64)
             && a == b;
    if (a.is_array())
      return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(),
                        b.get_array().end(),
                        [this](const auto& x, const auto& y) { return same(x, y); });
    if (!a.is_object())
      return a == b;
    if (a.get_object().size() != b.get_object().size())
      return false;
    return std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& each) {
      const auto* other = member(b, view(each.key()));
      return spend(each.key().size() / 64) && other && same(each.value(), *other);
    });
  }

  std::size_t length(const json::string& text) {
    spend(text.size() / 64);
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
    }));
  }

  bool spend(std::size_t steps) {
    if (steps > left_)
      give_up();
    else
      left_ -= steps;
    return !spent_;
  }

  match give_up() {
    spent_ = true;
    left_ = 0;
    return match::no;
  }

  // A sentence costs: only when it is said.
  template <class Sentence>
  match no(Sentence make) {
    if (quiet_ == 0 && !spent_)
      why_ = place() + make();
    return match::no;
  }

  static std::string must_be(const listing& one_of, const json::value& v) {
    return " must be " + one_of.text() + ", but is " + excerpt(v);
  }

  std::string place() const {
    if (path_.empty())
      return "The arguments";
    std::string text = "The argument ";
    for (const auto& step : path_)
      if (const auto* at = std::get_if<std::size_t>(&step))
        text += "[" + std::to_string(*at) + "]";
      else if (text.size() < longest_listing)
        text.append(&step == path_.data() ? "" : ".")
          .append(cut_utf8(std::get<std::string_view>(step), 100));
    return text;
  }

  const json::object& root_;
  std::size_t left_ = most_steps, depth_ = 0, quiet_ = 0;
  bool spent_ = false;
  std::string why_;
  std::vector<std::variant<std::string_view, std::size_t>> path_;
  std::map<const json::value*, const json::object*> referred_;
};

// What a keyword holds: schemas by name, one or a list of them, or none.
constexpr std::array<std::string_view, 3> named_schemas{"properties", "$defs", "definitions"};
constexpr std::array<std::string_view, 7> held_schemas{
  "additionalProperties", "prefixItems", "items", "allOf", "anyOf", "oneOf", "not"};

// A value that its keyword cannot have, with which it would fit nothing, or all.
bool is_misspelt(std::string_view key, const json::value& held) {
  if (key == "type")
    return !std::all_of(some(held).begin(), some(held).end(), [](const json::value& one) {
      return one.is_string() && is_type(view(one.get_string()));
    });
  const auto* list = held.if_array();
  return (key == "anyOf" || key == "oneOf" || key == "allOf" || key == "enum")
         && (!list || list->empty());
}

std::optional<std::string> unread_in(const json::value& schema) {
  for (const auto& [key, held] : members(schema)) {
    if (is_misspelt(view(key), held))
      return std::string(view(key)) + ' ' + excerpt(held);
    if (!checker::reads(view(key), held))
      return key == "pattern" ? "pattern " + excerpt(held) : std::string(view(key));
    if (among(named_schemas, view(key))) {
      for (const auto& [name, one] : members(held))
        if (auto found = unread_in(one))
          return found;
    } else if (among(held_schemas, view(key)))
      for (const auto& one : some(held))
        if (auto found = unread_in(one))
          return found;
  }
  return std::nullopt;
}

} // namespace

result<void> check_arguments(const json::object& schema, const json::object& arguments) {
  return checker(schema).run(json::value(arguments));
}

std::optional<std::string> wrong_arguments(const json::object& schema, const json::object& call) {
  if (auto ok = check_arguments(schema, object_or_empty(call, "args")); !ok)
    return "Error invoking tool '" + std::string(string_or(call, "name"))
           + "': " + ok.error().message + "\nPlease fix the error and try again.";
  return std::nullopt;
}

arguments_fit fit_of(const json::object& schema, const json::object& arguments) {
  return checker(schema).fit(json::value(arguments));
}

std::optional<std::string> unread_keyword(const json::object& schema) {
  return unread_in(json::value(schema));
}

} // namespace behalf
