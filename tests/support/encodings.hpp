// How ordinary encoders write a text: for tests of what must not come through.
#pragma once

#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"

#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::testing {

using random_source = std::mt19937;

struct encoding {
  std::string name;
  std::function<std::string(const std::string&, random_source&)> write;
};

inline std::string hex_byte(unsigned char c, bool upper) {
  const auto* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  return {digits[c >> 4], digits[c & 15]};
}

inline bool kept_by(std::string_view others, char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || others.find(c) != others.npos;
}

template <class Write>
std::string each_byte(const std::string& text, Write write) {
  std::string out;
  for (char c : text)
    out += write(c);
  return out;
}

inline std::string percent(const std::string& text, std::string_view kept, bool upper = true) {
  return each_byte(text, [&](char c) {
    return kept_by(kept, c) ? std::string(1, c)
                            : "%" + hex_byte(static_cast<unsigned char>(c), upper);
  });
}

inline std::string json_unit(unsigned char c, bool upper) {
  return "\\u00" + hex_byte(c, upper);
}

inline std::string html_named(char c) {
  static const std::vector<std::pair<char, std::string>> names{
    {'+', "plus"},  {'/', "sol"},    {'=', "equals"}, {'&', "amp"},    {'<', "lt"},
    {'>', "gt"},    {'"', "quot"},   {'\'', "apos"},  {'.', "period"}, {'_', "lowbar"},
    {':', "colon"}, {'%', "percnt"}, {'\\', "bsol"},  {'#', "num"}};
  for (const auto& [at, name] : names)
    if (at == c)
      return "&" + name + ";";
  return std::string(1, c);
}

inline std::string wrapped(const std::string& text, std::size_t columns, const std::string& end) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += columns)
    out += text.substr(at, columns) + (at + columns < text.size() ? end : "");
  return out;
}

inline std::string utf16(const std::string& text, bool high_first) {
  return each_byte(text, [&](char c) {
    return high_first ? std::string{'\0', c} : std::string{c, '\0'};
  });
}

inline std::string quoted_printable(const std::string& text, std::size_t columns) {
  std::string out;
  std::size_t line = 0;
  for (char c : text) {
    auto unit = c == '=' || c < 32 || c > 126 ? "=" + hex_byte(static_cast<unsigned char>(c), true)
                                              : std::string(1, c);
    if (line + unit.size() > columns - 1) {
      out += "=\r\n";
      line = 0;
    }
    out += unit;
    line += unit.size();
  }
  return out;
}

inline std::string before_and_after(const std::string& text, random_source& random) {
  std::string out;
  for (auto n = random() % 7; n > 0; --n)
    out += "user: {}"[random() % 8];
  out += text;
  for (auto n = random() % 4; n > 0; --n)
    out += "\"} "[random() % 3];
  return out;
}

/// Every encoding the scrubber must know (docs/security.md).
inline std::vector<encoding> all_encodings() {
  using text = const std::string&;
  using source = random_source&;
  std::vector<encoding> all{
    {"plain", [](text t, source) { return t; }},
    {"json slashes",
     [](text t, source) {
       return each_byte(t, [](char c) {
         return c == '/' || c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
       });
     }},
    {"json, some as \\u",
     [](text t, source random) {
       return each_byte(t, [&](char c) {
         return random() % 3 == 0 || c == '"' || c == '\\'
                  ? json_unit(static_cast<unsigned char>(c), random() % 2 == 0)
                  : std::string(1, c);
       });
     }},
    {"json, all as \\u",
     [](text t, source) {
       return each_byte(t, [](char c) { return json_unit(static_cast<unsigned char>(c), false); });
     }},
    {"json as Go writes it",
     [](text t, source) {
       return each_byte(t, [](char c) {
         return c == '<' || c == '>' || c == '&' ? json_unit(static_cast<unsigned char>(c), false)
                : c == '"' || c == '\\'          ? std::string{'\\', c}
                                                 : std::string(1, c);
       });
     }},
    {"\\x",
     [](text t, source) {
       return each_byte(
         t, [](char c) { return "\\x" + hex_byte(static_cast<unsigned char>(c), false); });
     }},
    {"\\u{}",
     [](text t, source) {
       return each_byte(
         t, [](char c) { return "\\u{" + hex_byte(static_cast<unsigned char>(c), false) + "}"; });
     }},
    {"\\U",
     [](text t, source) {
       return each_byte(
         t, [](char c) { return "\\U000000" + hex_byte(static_cast<unsigned char>(c), true); });
     }},
    {"octal, some",
     [](text t, source random) {
       return each_byte(t, [&](char c) {
         auto byte = static_cast<unsigned char>(c);
         return random() % 2 == 0 || c == '\\'
                  ? std::string{'\\', static_cast<char>('0' + (byte >> 6)),
                                static_cast<char>('0' + (byte >> 3 & 7)),
                                static_cast<char>('0' + (byte & 7))}
                  : std::string(1, c);
       });
     }},
    {"python quote", [](text t, source) { return percent(t, "_.-~/"); }},
    {"python quote, nothing safe", [](text t, source) { return percent(t, "_.-~"); }},
    {"encodeURIComponent", [](text t, source) { return percent(t, "-_.!~*'()"); }},
    {"RFC 1738, ~ written", [](text t, source) { return percent(t, "-_."); }},
    {"percent, lower case", [](text t, source) { return percent(t, "-_.~", false); }},
    {"percent, mixed case",
     [](text t, source random) {
       return each_byte(t, [&](char c) {
         return kept_by("", c) ? std::string(1, c)
                               : "%" + hex_byte(static_cast<unsigned char>(c), random() % 2 == 0);
       });
     }},
    {"percent, every byte",
     [](text t, source) {
       return each_byte(t,
                        [](char c) { return "%" + hex_byte(static_cast<unsigned char>(c), true); });
     }},
    {"percent, some bytes",
     [](text t, source random) {
       return each_byte(t, [&](char c) {
         return random() % 2 == 0 || c == '%'
                  ? "%" + hex_byte(static_cast<unsigned char>(c), random() % 2 == 0)
                  : std::string(1, c);
       });
     }},
    {"double percent", [](text t, source) { return percent(percent(t, "-_."), "-_."); }},
    {"double percent, every byte",
     [](text t, source) {
       return each_byte(
         t, [](char c) { return "%25" + hex_byte(static_cast<unsigned char>(c), true); });
     }},
    {"html, named", [](text t, source) { return each_byte(t, html_named); }},
    {"html, decimal",
     [](text t, source) {
       return each_byte(
         t, [](char c) { return "&#" + std::to_string(static_cast<unsigned char>(c)) + ";"; });
     }},
    {"html, hexadecimal, some",
     [](text t, source random) {
       return each_byte(t, [&](char c) {
         return random() % 2 == 0 || c == '&'
                  ? "&#x" + hex_byte(static_cast<unsigned char>(c), random() % 2 == 0) + ";"
                  : std::string(1, c);
       });
     }},
    {"utf-16 le", [](text t, source) { return utf16(t, false); }},
    {"utf-16 be", [](text t, source) { return utf16(t, true); }},
    {"letters set apart", [](text t, source) { return wrapped(t, 1, " "); }},
    {"letters on lines", [](text t, source) { return wrapped(t, 1, "\n"); }},
    {"quoted-printable", [](text t, source) { return quoted_printable(t, 76); }},
    {"quoted-printable, short lines",
     [](text t, source random) { return quoted_printable(t, 16 + random() % 20); }},
    {"folded header",
     [](text t, source random) {
       auto at = 1 + random() % (t.size() - 1);
       return t.substr(0, at) + "\r\n " + t.substr(at);
     }},
  };
  for (bool upper : {false, true}) {
    auto digits = [upper](text t) {
      return each_byte(t, [&](char c) { return hex_byte(static_cast<unsigned char>(c), upper); });
    };
    std::string name = upper ? "upper hex" : "lower hex";
    all.push_back({name, [=](text t, source) { return digits(t); }});
    for (const char* between : {":", " ", "-"})
      all.push_back({name + " with " + between,
                     [=](text t, source) { return wrapped(digits(t), 2, between); }});
    all.push_back(
      {name + " in lines", [=](text t, source) { return wrapped(digits(t), 60, "\n"); }});
  }
  for (bool url : {false, true}) {
    auto encode = [url](text t) { return url ? base64url(t) : base64(t); };
    auto padded = [encode](text t) {
      auto out = encode(t);
      return out + std::string((4 - out.size() % 4) % 4, '=');
    };
    std::string name = url ? "base64url" : "base64";
    all.push_back({name, [=](text t, source) { return encode(t); }});
    all.push_back({name + ", padded", [=](text t, source) { return padded(t); }});
    all.push_back({name + " of more",
                   [=](text t, source random) { return encode(before_and_after(t, random)); }});
    for (std::size_t columns : {64, 76})
      for (const char* end : {"\n", "\r\n"})
        all.push_back(
          {name + " in lines of " + std::to_string(columns), [=](text t, source random) {
             return wrapped(padded(std::string(random() % 80, 'x') + t), columns, end);
           }});
    all.push_back({name + " of base64", [=](text t, source random) {
                     return encode(base64(before_and_after(t, random)));
                   }});
    all.push_back({name + " of base64 in lines", [=](text t, source random) {
                     auto inner = base64(std::string(random() % 80, 'x') + t);
                     return wrapped(encode(wrapped(inner, 76, "\n")), 76, "\n");
                   }});
    all.push_back(
      {name + " of utf-16 le", [=](text t, source) { return encode(utf16(t, false)); }});
    all.push_back({name + " of utf-16 be", [=](text t, source) { return encode(utf16(t, true)); }});
  }
  return all;
}

} // namespace behalf::testing
