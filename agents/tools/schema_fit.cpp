// Breadth first, so that what is cut from a schema that is too large are its deepest parts.
#include "agents/tools/schema_fit.hpp"

#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/schema_reference.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace behalf {
namespace {

constexpr std::size_t most_values = 10'000;
constexpr std::size_t most_bytes = 64 * 1024;
constexpr std::size_t deepest = 10;        // what OpenAI allows
constexpr std::size_t most_layers = 32;    // schemas merged into one by allOf and $ref
constexpr std::size_t longest_text = 4096; // of a description
constexpr std::size_t longest_default = 256;

constexpr std::array type_names{"string", "number", "integer", "boolean",
                                "object", "array",  "null"};
constexpr std::array bounds{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
constexpr std::array counts{"minLength", "maxLength",     "minItems",
                            "maxItems",  "minProperties", "maxProperties"};
constexpr std::array formats{"date-time", "date", "time"};

// Anthropic's rule for keys, the narrowest.
bool is_plain_key(std::string_view name) {
  return name.size() <= 64 && made_of(name, "_.-");
}

// A schema of the result.
struct place {
  const json::value* from = nullptr;
  std::size_t depth = 0;
  std::size_t opened = 0; // the reference that led here, one above its index; 0: none
  bool merged = false;    // `out` is any of what several alternatives say
  json::object out = {};
};

// Where a schema of the result stands in another one.
struct child {
  std::size_t parent;
  std::string_view keyword;
  std::string_view name; // of a property
  std::size_t index;     // in a list
};

struct layer {
  const json::object* from;
  bool optional; // one of several alternatives
};

class fitter {
public:
  explicit fitter(const json::object& root) : root_(root) {}

  json::object result() && {
    opened_.push_back({&root_, 0});
    places_.push_back({nullptr, 0, 1});
    children_.push_back({});
    for (std::size_t at = 0; at < places_.size(); ++at)
      fit(at);
    for (std::size_t at = places_.size() - 1; at > 0; --at) {
      if (places_[at].merged)
        drop_repeated(places_[at].out);
      put_into_parent(at);
    }
    auto& all = places_.front().out;
    if (!all.contains("properties"))
      all["properties"] = json::object{};
    return std::move(all);
  }

private:
  struct opened_reference {
    const json::object* target;
    std::size_t before; // as place::opened
  };

  // Every value that is looked at or written costs.
  bool spend(std::size_t bytes) {
    if (values_ == 0 || bytes > bytes_)
      return false;
    --values_;
    bytes_ -= bytes;
    return true;
  }

  void fit(std::size_t at) {
    layers_.clear();
    all_layers_ = true;
    if (at == 0)
      add_layer(at, root_, false);
    else if (const auto& here = places_[at]; here.from && here.depth <= deepest)
      if (const auto* o = here.from->if_object())
        add_layer(at, *o, false);
    if (layers_.empty())
      return;
    hints_.clear();
    put_types(at);
    put_enum(at);
    put_numbers(at);
    put_properties(at);
    put_items(at);
    if (at != 0)
      put_alternatives(at);
    put_texts(at);
  }

  void add_layer(std::size_t at, const json::object& from, bool optional) {
    if (layers_.size() == most_layers || !spend(2))
      return;
    layers_.push_back({&from, optional});
    if (const auto* to = schema_at(root_, string_or(from, "$ref")); to && open(at, *to))
      add_layer(at, *to, optional);
    add_layers(at, from, "allOf", optional);
    if (at == 0) // no provider takes alternatives there: all of them is what the model may say
      for (auto keyword : {"anyOf", "oneOf"})
        add_layers(at, from, keyword, true);
  }

  void add_layers(std::size_t at, const json::object& from, std::string_view keyword,
                  bool optional) {
    if (const auto* all = member(from, keyword); all && all->is_array())
      for (const auto& one : all->get_array()) {
        if (layers_.size() == most_layers || !spend(0)) {
          all_layers_ = false;
          return;
        }
        if (const auto* o = one.if_object())
          add_layer(at, *o, optional);
      }
  }

  // False when it is open already, here or around: it would never end.
  bool open(std::size_t at, const json::object& target) {
    for (auto up = places_[at].opened; up != 0; up = opened_[up - 1].before)
      if (opened_[up - 1].target == &target)
        return false;
    opened_.push_back({&target, places_[at].opened});
    places_[at].opened = opened_.size();
    return true;
  }

  const json::value* first(std::string_view keyword) const {
    for (const auto& one : layers_)
      if (const auto* found = one.optional ? nullptr : member(*one.from, keyword))
        return found;
    return nullptr;
  }

  // Then the type may be theirs.
  bool has_alternatives() const { return first("anyOf") || first("oneOf"); }

  void put_types(std::size_t at) {
    auto& out = places_[at].out;
    if (at == 0) {
      out["type"] = "object";
      return;
    }
    const auto* type = first("type");
    if (type && type->is_string() && among(type_names, type->get_string()))
      out["type"] = *type;
    if (!type || !type->is_array())
      return;
    json::array some;
    for (const auto& one : type->get_array()) {
      if (some.size() == type_names.size() || !spend(0))
        break;
      if (one.is_string() && among(type_names, one.get_string())
          && std::find(some.begin(), some.end(), one) == some.end())
        some.push_back(one);
    }
    if (some.size() == 1)
      out["type"] = std::move(some.front());
    else if (!some.empty())
      out["type"] = std::move(some);
  }

  // Gemini takes texts that are not empty and numbers, OpenAI no value twice. Others become words.
  void put_enum(std::size_t at) {
    const auto* only = first("const");
    const auto* all = first("enum");
    if (at == 0 || (!only && !(all && all->is_array())))
      return;
    json::array values;
    std::set<std::string> seen;
    std::string in_words;
    bool listed = true, booleans = true;
    const auto* one = only ? only : all->get_array().data();
    const auto* end = one + (only ? 1 : all->get_array().size());
    for (; one != end; ++one) {
      if (!spend(one->is_string() ? one->get_string().size() + 3 : 24))
        return; // some of them would be narrower
      booleans = booleans && one->is_bool();
      listed = listed && (one->is_number() || (one->is_string() && !one->get_string().empty()));
      auto text = one->is_structured() ? std::string(kind_name(*one)) : dump(*one);
      if (in_words.size() <= longest_default)
        in_words += (in_words.empty() ? "" : ", ") + text;
      if (seen.insert(std::move(text)).second && listed)
        values.push_back(*one);
    }
    auto& out = places_[at].out;
    if (seen.empty())
      return;
    if (listed)
      out["enum"] = std::move(values);
    else if (in_words.size() <= longest_default)
      hints_.push_back("one of: " + in_words);
    if (booleans && !out.contains("type"))
      out["type"] = "boolean";
  }

  void put_numbers(std::size_t at) {
    auto& out = places_[at].out;
    for (auto keyword : bounds)
      if (const auto* n = first(keyword); n && n->is_number() && spend(32))
        out[keyword] = *n;
    for (auto keyword : counts)
      if (const auto* n = first(keyword); n && n->is_int64() && n->get_int64() >= 0 && spend(32))
        out[keyword] = *n;
  }

  void put_properties(std::size_t at) {
    json::object properties;
    std::map<std::string_view, std::vector<const json::value*>> alternatives;
    std::string others;
    bool all_names = true;
    for (const auto& one : layers_) {
      const auto* all = member(*one.from, "properties");
      if (!all || !all->is_object())
        continue;
      for (const auto& [name, schema] : all->get_object()) {
        if (!spend(name.size() + 8)) {
          all_names = false;
          break;
        }
        if (!is_plain_key(name)) {
          all_names = false;
          if (name.size() <= 128 && others.size() < 1024)
            others += (others.empty() ? "also takes: " : ", ") + std::string(name);
          continue;
        }
        const bool is_new = properties.emplace(name, json::object{}).second;
        if (is_new && !one.optional)
          add_child(at, {at, "properties", name, 0}, &schema);
        else if (one.optional && (is_new || alternatives.contains(name)))
          alternatives[name].push_back(&schema);
      }
    }
    if (all_names && all_layers_)
      put_merged(at, alternatives);
    if (!others.empty())
      hints_.push_back(std::move(others));
    auto& out = places_[at].out;
    if (const auto required = required_of(properties); !required.empty())
      out["required"] = required;
    if (!properties.empty()) {
      if (!out.contains("type") && !has_alternatives())
        out["type"] = "object";
      out["properties"] = std::move(properties);
    }
    if (all_names && layers_.size() == 1 && !first("patternProperties"))
      put_additional(at);
  }

  // A property of the root that several of its alternatives have is as any of them says.
  void put_merged(std::size_t at,
                  const std::map<std::string_view, std::vector<const json::value*>>& properties) {
    for (const auto& [name, schemas] : properties) {
      const child where{at, "properties", name, 0};
      if (schemas.size() == 1) {
        add_child(at, where, schemas.front());
        continue;
      }
      const auto merged = places_.size();
      add_child(at, where, nullptr);
      places_[merged].merged = true;
      places_[merged].out["anyOf"] = json::array(schemas.size(), json::object{});
      for (std::size_t i = 0; i < schemas.size(); ++i)
        add_child(at, {merged, "anyOf", {}, i}, schemas[i]);
    }
  }

  static void drop_repeated(json::object& merged) {
    json::array different;
    std::set<std::string> seen;
    for (auto& one : merged["anyOf"].as_array())
      if (seen.insert(dump(one)).second)
        different.push_back(std::move(one));
    if (different.size() == 1) {
      auto only = std::move(different.front().as_object());
      merged = std::move(only);
    } else {
      merged["anyOf"] = std::move(different);
    }
  }

  // Those that are there: some providers refuse others.
  json::array required_of(const json::object& properties) {
    json::array names;
    std::set<std::string_view> seen;
    for (const auto& one : layers_) {
      const auto* all = member(*one.from, "required");
      if (one.optional || !all || !all->is_array())
        continue;
      for (const auto& name : all->get_array()) {
        if (!spend(0))
          return names;
        if (name.is_string() && properties.contains(name.get_string())
            && seen.insert(name.get_string()).second && spend(name.get_string().size() + 3))
          names.push_back(name);
      }
    }
    return names;
  }

  // Only when all that is listed is known: else it would be narrower.
  void put_additional(std::size_t at) {
    const auto* rest = first("additionalProperties");
    if (!rest || !spend(24))
      return;
    if (rest->is_bool())
      places_[at].out["additionalProperties"] = *rest;
    else if (rest->is_object())
      add_child(at, {at, "additionalProperties", {}, 0}, rest);
  }

  // OpenAI takes no list without `items`; a list with one schema for each place takes any of them.
  void put_items(std::size_t at) {
    const auto* items = first("items");
    const auto* each = first("prefixItems");
    if (items && items->is_array())
      each = items;
    auto& out = places_[at].out;
    const auto* type = member(out, "type");
    const bool is_list =
      type
      && (*type == "array"
          || (type->is_array()
              && std::find(type->get_array().begin(), type->get_array().end(), "array")
                   != type->get_array().end()));
    if (!is_list && (type || (!items && !each) || has_alternatives()))
      return;
    if (!type)
      out["type"] = "array";
    out["items"] = json::object{};
    if (!each && items)
      add_child(at, {at, "items", {}, 0}, items);
  }

  void put_alternatives(std::size_t at) {
    const auto* all = first("anyOf");
    if (!all)
      all = first("oneOf");
    if (!all || !all->is_array() || all->get_array().empty())
      return;
    const auto first_child = places_.size();
    json::array some;
    for (const auto& one : all->get_array()) {
      if (!spend(3)) { // with some of them it would be narrower
        places_.resize(first_child);
        children_.resize(first_child);
        return;
      }
      add_child(at, {at, "anyOf", {}, some.size()}, &one);
      some.emplace_back(json::object{});
    }
    places_[at].out["anyOf"] = std::move(some);
  }

  void put_texts(std::size_t at) {
    auto& out = places_[at].out;
    if (const auto* format = first("format"); format && format->is_string()) {
      if (among(formats, format->get_string()))
        out["format"] = *format;
      else if (format->get_string().size() <= 64)
        hints_.push_back("format: " + std::string(format->get_string()));
    }
    if (const auto* pattern = first("pattern"); pattern && pattern->is_string())
      if (pattern->get_string().size() <= longest_default) // providers differ in what they compile
        hints_.push_back("pattern: " + std::string(pattern->get_string()));
    std::string text;
    if (const auto* said = first("description"); said && said->is_string())
      text = cut_utf8(said->get_string(), longest_text);
    for (const auto& hint : hints_)
      text += (text.empty() ? "(" : " (") + hint + ")";
    if (!text.empty() && spend(text.size()))
      out["description"] = text;
    if (const auto* title = first("title"); title && title->is_string())
      if (title->get_string().size() <= longest_default && spend(title->get_string().size()))
        out["title"] = *title;
    if (const auto* value = first("default"); value && at != 0)
      if (value->is_bool() || value->is_number()
          || (value->is_string() && value->get_string().size() <= longest_default))
        if (spend(value->is_string() ? value->get_string().size() : 24))
          out["default"] = *value;
  }

  void add_child(std::size_t at, child where, const json::value* from) {
    children_.push_back(where);
    places_.push_back({from, places_[at].depth + 1, places_[at].opened});
  }

  void put_into_parent(std::size_t at) {
    const auto& where = children_[at];
    auto& parent = places_[where.parent].out;
    auto& out = places_[at].out;
    if (where.keyword == "properties")
      parent["properties"].as_object()[where.name] = std::move(out);
    else if (where.keyword == "anyOf")
      parent["anyOf"].as_array()[where.index] = std::move(out);
    else
      parent[where.keyword] = std::move(out);
  }

  const json::object& root_;
  std::size_t values_ = most_values, bytes_ = most_bytes;
  std::deque<place> places_; // a child is behind its parent
  std::vector<child> children_;
  std::vector<opened_reference> opened_;
  std::vector<layer> layers_;      // of the place at hand
  bool all_layers_ = true;         // there were no more
  std::vector<std::string> hints_; // of the place at hand, for its description
};

} // namespace

json::object fitted_schema(const json::object& schema) {
  return fitter(schema).result();
}

} // namespace behalf
