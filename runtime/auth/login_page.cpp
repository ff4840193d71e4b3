#include "runtime/auth/login_page.hpp"

namespace behalf {
namespace {

constexpr std::string_view style = R"(
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 4rem auto; padding: 0 1rem;
           color: #1a1a1a; background: #fff }
    h1 { font-size: 1.25rem }
    label { display: block; margin-top: 1rem }
    input { box-sizing: border-box; width: 100%; padding: .5rem; font: inherit }
    button { margin-top: 1.5rem; padding: .5rem 1.5rem; font: inherit }
    .problem { color: #a40000 }
    .hint { color: #555; font-size: .875rem })";

std::string page(std::string_view title, std::string_view body) {
  std::string html = "<!doctype html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\">\n"
                     "  <meta name=\"viewport\" content=\"width=device-width\">\n  <title>";
  html.append(escape_html(title)).append("</title>\n  <style>").append(style);
  html.append("\n  </style>\n</head>\n<body>\n").append(body).append("</body>\n</html>\n");
  return html;
}

} // namespace

std::string escape_html(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (char c : text) {
    switch (c) {
    case '&':
      safe += "&amp;";
      break;
    case '<':
      safe += "&lt;";
      break;
    case '>':
      safe += "&gt;";
      break;
    case '"':
      safe += "&quot;";
      break;
    case '\'':
      safe += "&#39;";
      break;
    default:
      safe += c;
    }
  }
  return safe;
}

std::string login_page(std::string_view action, std::string_view request,
                       std::string_view client_id, const std::vector<std::string>& hint,
                       std::string_view problem) {
  std::string body =
    "  <h1>Log in</h1>\n  <p>to go on to <strong>" + escape_html(client_id) + "</strong></p>\n";
  if (!problem.empty())
    body += "  <p class=\"problem\" role=\"alert\">" + escape_html(problem) + "</p>\n";
  body += "  <form method=\"post\" action=\"" + escape_html(action)
          + "\">\n    <input type=\"hidden\" name=\"request\" value=\"" + escape_html(request)
          + "\">\n"
            "    <label>User <input name=\"username\" autocomplete=\"username\" required autofocus>"
            "</label>\n"
            "    <label>Password <input name=\"password\" type=\"password\" "
            "autocomplete=\"current-password\" required></label>\n"
            "    <button>Log in</button>\n  </form>\n";
  std::string users;
  for (const auto& user : hint)
    users += (users.empty() ? "" : ", ") + escape_html(user);
  body += "  <p class=\"hint\">Development issuer. Users: " + users + "</p>\n";
  return page("Log in", body);
}

std::string problem_page(std::string_view problem) {
  return page("This login cannot go on",
              "  <h1>This login cannot go on</h1>\n  <p class=\"problem\">" + escape_html(problem)
                + "</p>\n");
}

} // namespace behalf
