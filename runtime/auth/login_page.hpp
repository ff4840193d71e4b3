// The development issuer's pages: plain HTML, nothing from outside, everything escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Text as it may stand between tags and inside quoted attributes.
std::string escape_html(std::string_view text);

/// The form that posts `request`, `username` and `password` to `action`. `hint` names users to
/// try; `problem` is shown above the form when not empty.
std::string login_page(std::string_view action, std::string_view request,
                       std::string_view client_id, const std::vector<std::string>& hint,
                       std::string_view problem);

/// A page for people whose browser was sent here wrongly.
std::string problem_page(std::string_view problem);

} // namespace behalf
