// Fields of the caller in configured texts: {identity}, {custom.team}.
#include "runtime/auth/rules.hpp"

#include <algorithm>

namespace behalf {
namespace {

// A text, cut into literals and fields.
struct piece {
  std::string text;
  bool field = false;
};

error bad_text(std::string_view text, std::string why) {
  return fail(errc::invalid_argument, "'" + std::string(text) + "': " + std::move(why));
}

bool known_field(std::string_view name) {
  for (auto field : {"identity", "tenant", "subject", "issuer", "display_name", "permissions"})
    if (name == field)
      return true;
  return name.starts_with("custom.") && name.size() > 7;
}

result<std::vector<piece>> cut(std::string_view text) {
  std::vector<piece> pieces;
  auto literal = [&](char c) {
    if (pieces.empty() || pieces.back().field)
      pieces.emplace_back();
    pieces.back().text += c;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto c = text[at];
    if (c != '{' && c != '}') {
      literal(c);
    } else if (at + 1 < text.size() && text[at + 1] == c) {
      literal(c);
      ++at;
    } else {
      auto end = text.find('}', at);
      if (c == '}' || end == text.npos)
        return bad_text(text, "an unpaired brace; write {{ or }} for a brace itself");
      auto name = text.substr(at + 1, end - at - 1);
      if (!known_field(name))
        return bad_text(text, "unknown field {" + std::string(name)
                                + "}; there are identity, tenant, subject, issuer, display_name, "
                                  "permissions and custom.<field>");
      pieces.push_back({std::string(name), true});
      at = end;
    }
  }
  return pieces;
}

error lacking(std::string_view field) {
  return fail(errc::denied, "this needs the field '" + std::string(field)
                              + "' of your identity, which you do not have");
}

json::value permissions_of(const principal& who) {
  json::array list;
  for (const auto& p : who.permissions)
    list.emplace_back(p);
  return list;
}

// Objects are not filled in: in a filter they would be operators, and sealed fields are objects.
result<json::value> custom_field(std::string_view field, const principal& who) {
  const auto* v = member(who.custom, field.substr(7));
  if (!v || v->is_null() || v->is_object() || (v->is_string() && v->get_string().empty()))
    return lacking(field);
  if (v->is_array())
    for (const auto& one : v->get_array())
      if (one.is_structured())
        return lacking(field);
  return *v;
}

result<json::value> field_value(std::string_view field, const principal& who) {
  if (field.starts_with("custom."))
    return custom_field(field, who);
  if (field == "permissions")
    return permissions_of(who);
  const auto& text = field == "identity"  ? who.identity
                     : field == "tenant"  ? who.tenant
                     : field == "subject" ? who.subject
                     : field == "issuer"  ? who.issuer
                                          : who.display_name;
  if (text.empty())
    return lacking(field);
  return json::value(text);
}

} // namespace

result<json::value> fill_fields(std::string_view text, const principal& who) {
  auto pieces = cut(text);
  if (!pieces)
    return pieces.error();
  if (pieces->size() == 1 && pieces->front().field)
    return field_value(pieces->front().text, who);
  std::string filled;
  for (const auto& p : *pieces) {
    if (!p.field) {
      filled += p.text;
      continue;
    }
    auto v = field_value(p.text, who);
    if (!v)
      return v;
    if (v->is_array())
      return fail(errc::denied, "the field '" + p.text + "' of your identity is a list");
    filled += v->is_string() ? std::string(v->get_string()) : dump(*v);
  }
  return json::value(filled);
}

result<void> check_fields(std::string_view text) {
  auto pieces = cut(text);
  if (!pieces)
    return pieces.error();
  return {};
}

} // namespace behalf
