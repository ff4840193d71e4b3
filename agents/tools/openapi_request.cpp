// A call's arguments as an HTTP request. They are hostile: a model wrote them, moved by whatever it
// has read.
#include "agents/tools/openapi.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t most_pairs = 1'000;
constexpr std::size_t longest_name = 2'048; // of a parameter, in escapes
constexpr std::size_t longest_header = 4'096;

error wrong(std::string_view argument, std::string_view why) {
  return fail(errc::invalid_argument,
              "'" + std::string(cut_utf8(argument, 100)) + "' " + std::string(why));
}

result<std::string> plain_text(std::string_view argument, const json::value& v) {
  if (v.is_structured())
    return wrong(argument, "may hold plain values only: texts, numbers, booleans");
  if (v.is_null())
    return std::string{};
  return v.is_string() ? std::string(v.get_string()) : dump(v);
}

// "a,b" of a list, "k,v" or "k=v" of an object; each part by itself in escapes where asked.
class joined_values {
public:
  joined_values(const api_parameter& parameter, std::string_view between, bool escaped)
    : parameter_(parameter), between_(between), escaped_(escaped) {}

  result<std::string> of(const json::value& v) {
    if (const auto* list = v.if_array()) {
      for (const auto& each : *list)
        if (auto ok = add(each); !ok)
          return ok.error();
    } else if (const auto* object = v.if_object()) {
      for (const auto& [key, value] : *object)
        if (auto ok = add_member({key.data(), key.size()}, value); !ok)
          return ok.error();
    } else if (auto ok = add(v); !ok)
      return ok.error();
    return std::move(out_);
  }

private:
  result<void> add(const json::value& v) {
    auto text = plain_text(parameter_.name, v);
    if (!text)
      return text.error();
    put(*text);
    return {};
  }

  result<void> add_member(std::string_view key, const json::value& v) {
    auto text = plain_text(parameter_.name, v);
    if (!text)
      return text.error();
    put(key);
    if (parameter_.explode)
      out_.append("=").append(escaped_ ? percent_encode(*text) : *text);
    else
      put(*text);
    return {};
  }

  void put(std::string_view text) {
    if (!first_)
      out_ += between_;
    first_ = false;
    out_ += escaped_ ? percent_encode(text) : std::string(text);
  }

  const api_parameter& parameter_;
  const std::string_view between_;
  const bool escaped_;
  bool first_ = true;
  std::string out_;
};

// --- path ------------------------------------------------------------------------------------

// What some server on the way might take for the end of the segment, or for a way up: also once it
// has resolved escapes of escapes.
bool leaves_segment(std::string text) {
  for (int round = 0; round < 4; ++round) {
    if (std::any_of(text.begin(), text.end(),
                    [](unsigned char c) { return c < ' ' || c == 0x7f || c == '/' || c == '\\'; }))
      return true;
    auto plain = loose_percent_decode(text);
    if (plain == text)
      break;
    text = std::move(plain);
  }
  const auto name = std::string_view(text).substr(0, text.find(';'));
  return name == "." || name == "..";
}

result<std::string> path_of(const api_operation& operation, const json::object& arguments) {
  std::string path;
  for (std::string_view rest = operation.path; !rest.empty();) {
    const auto open = std::min(rest.find('{'), rest.size());
    path += rest.substr(0, open);
    rest.remove_prefix(open);
    if (rest.empty())
      break;
    const auto end = rest.find('}');
    const auto wire = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    const auto& all = operation.parameters;
    const auto which = std::find_if(all.begin(), all.end(), [&](const api_parameter& one) {
      return one.place == api_place::path && one.wire == wire;
    });
    const auto* value = which == all.end() ? nullptr : member(arguments, which->name);
    if (!value)
      return wrong(which == all.end() ? wire : which->name, "is required");
    auto text = joined_values{*which, ",", false}.of(*value);
    if (!text)
      return text.error();
    // Empty, "/contacts/{id}" would be "/contacts/": another operation, with a DELETE for all.
    if (text->empty() || text->find_first_not_of(' ') == text->npos)
      return wrong(which->name, "may not be empty");
    if (leaves_segment(*text))
      return wrong(which->name, "is part of a path, and may hold no '/', '\\', '..' or control "
                                "character");
    path += joined_values{*which, ",", true}.of(*value).value();
  }
  return path;
}

// --- query and forms -------------------------------------------------------------------------

class pair_writer {
public:
  /// `reserved`: names that members of exploded objects may not take.
  explicit pair_writer(std::set<std::string_view> reserved) : reserved_(std::move(reserved)) {}

  result<void> add(const api_parameter& p, const json::value& v) {
    switch (p.style) {
    case api_style::json:
      return put(p.wire, dump(v));
    case api_style::deep_object:
      return deep(p, v);
    case api_style::spaces:
      return separated(p, v, "%20");
    case api_style::pipes:
      return separated(p, v, "%7C");
    case api_style::form:
      break;
    }
    return separated(p, v, ",");
  }

  /// A member of a form that the document gives no style.
  result<void> add_plain(const std::string& name, const json::value& v) {
    const auto* list = v.if_array();
    if (!list)
      return put(name, v.is_object() ? dump(v) : plain_text(name, v).value());
    for (const auto& each : *list)
      if (auto ok = put(name, each.is_structured() ? dump(each) : plain_text(name, each).value());
          !ok)
        return ok;
    return {};
  }

  std::string take() && { return std::move(out_); }

private:
  result<void> separated(const api_parameter& p, const json::value& v, std::string_view between) {
    if (!v.is_structured() || !p.explode) {
      auto flat = p;
      flat.explode = false;
      auto text = joined_values{flat, between, true}.of(v);
      return text ? put_escaped(percent_encode(p.wire), *text) : result<void>{text.error()};
    }
    if (const auto* list = v.if_array()) {
      for (const auto& each : *list) {
        auto text = plain_text(p.name, each);
        if (!text)
          return text.error();
        if (auto ok = put(p.wire, *text); !ok)
          return ok;
      }
      return {};
    }
    for (const auto& [key, value] : v.get_object()) {
      const std::string_view name{key.data(), key.size()};
      auto text = plain_text(p.name, value);
      if (!text)
        return text.error();
      if (reserved_.contains(name))
        return wrong(p.name, "may not hold '" + std::string(name)
                               + "', which has a place of its "
                                 "own");
      if (auto ok = put(name, *text); !ok)
        return ok;
    }
    return {};
  }

  // name[key][0]=value
  result<void> deep(const api_parameter& p, const json::value& v) {
    auto name = percent_encode(p.wire);
    return deep(p, name, v);
  }

  // `name` is as it was once it returns: whatever is nested, each key is written once.
  result<void> deep(const api_parameter& p, std::string& name, const json::value& v) {
    if (const auto* object = v.if_object()) {
      for (const auto& [key, value] : *object)
        if (auto ok = within(p, name, {key.data(), key.size()}, value); !ok)
          return ok;
      return {};
    }
    if (const auto* list = v.if_array()) {
      for (std::size_t i = 0; i < list->size(); ++i)
        if (auto ok = within(p, name, std::to_string(i), (*list)[i]); !ok)
          return ok;
      return {};
    }
    return put_escaped(name, percent_encode(plain_text(p.name, v).value()));
  }

  result<void> within(const api_parameter& p, std::string& name, std::string_view key,
                      const json::value& v) {
    const auto before = name.size();
    name.append("%5B").append(percent_encode(key)).append("%5D");
    if (name.size() > longest_name)
      return wrong(p.name, "has keys that are too long together, or too many within each other");
    auto ok = deep(p, name, v);
    name.resize(before);
    return ok;
  }

  result<void> put(std::string_view name, std::string_view text) {
    return put_escaped(percent_encode(name), percent_encode(text));
  }

  result<void> put_escaped(std::string_view name, std::string_view text) {
    if (++pairs_ > most_pairs)
      return fail(errc::invalid_argument, "the arguments become more than 1,000 parameters");
    out_.append(out_.empty() ? "" : "&").append(name).append("=").append(text);
    return {};
  }

  const std::set<std::string_view> reserved_;
  std::size_t pairs_ = 0;
  std::string out_;
};

// --- header and body -------------------------------------------------------------------------

result<std::string> header_value(const api_parameter& p, const json::value& v) {
  auto text =
    p.style == api_style::json ? result<std::string>{dump(v)} : joined_values{p, ",", false}.of(v);
  if (!text)
    return text;
  const auto visible =
    std::all_of(text->begin(), text->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!visible || text->size() > longest_header)
    return wrong(p.name, "is a header's value: at most 4,096 visible characters of ASCII");
  return text;
}

result<std::string> form_of(const api_operation& operation, const json::object& members) {
  std::set<std::string_view> names;
  for (const auto& [key, value] : members)
    names.insert({key.data(), key.size()});
  pair_writer form{names};
  for (const auto& [key, value] : members) {
    const std::string name(key);
    const auto styled = operation.fields.find(name);
    auto ok = styled == operation.fields.end() ? form.add_plain(name, value)
                                               : form.add(styled->second, value);
    if (!ok)
      return ok.error();
  }
  return std::move(form).take();
}

// What of the arguments is the body; nullopt: there is none.
std::optional<json::value> body_of(const api_operation& operation, const json::object& arguments) {
  if (operation.body == api_body::none)
    return std::nullopt;
  if (!operation.body_merged) {
    const auto* given = member(arguments, operation.body_name);
    return given ? std::optional{*given} : std::nullopt;
  }
  auto members = arguments;
  for (const auto& parameter : operation.parameters)
    members.erase(parameter.name);
  if (members.empty() && !operation.body_required)
    return std::nullopt;
  return members;
}

} // namespace

result<http_operation> request_of(const api_operation& operation, const json::object& arguments) {
  const auto& known = object_or_empty(object_or_empty(operation.tool, "inputSchema"), "properties");
  for (const auto& [key, value] : arguments)
    if (!known.contains(key))
      return wrong({key.data(), key.size()}, "is no argument of this tool");
  auto path = path_of(operation, arguments);
  if (!path)
    return path.error();
  http_operation made{operation.method, std::move(*path)};
  std::set<std::string_view> names;
  for (const auto& p : operation.parameters)
    if (p.place == api_place::query)
      names.insert(p.wire);
  pair_writer query{std::move(names)};
  for (const auto& p : operation.parameters) {
    const auto* value = member(arguments, p.name);
    if (!value || value->is_null() || p.place == api_place::path)
      continue;
    if (p.place == api_place::query) {
      if (auto ok = query.add(p, *value); !ok)
        return ok.error();
      continue;
    }
    auto text = header_value(p, *value);
    if (!text)
      return text.error();
    made.headers.emplace_back(p.wire, std::move(*text));
  }
  if (const auto pairs = std::move(query).take(); !pairs.empty())
    made.path += "?" + pairs;
  auto body = body_of(operation, arguments);
  if (!body)
    return made;
  made.headers.emplace_back("Content-Type", operation.body_type);
  if (operation.body == api_body::json) {
    made.body = std::move(*body);
    return made;
  }
  if (!body->is_object())
    return wrong(operation.body_name, "must be an object");
  auto form = form_of(operation, body->get_object());
  if (!form)
    return form.error();
  made.body = json::string(*form);
  return made;
}

} // namespace behalf
