// A credential of tests, to see whether it is taken out.
#pragma once

#include "runtime/base/scrub.hpp"

#include <utility>

namespace behalf::testing {

/// Takes out "SECRET".
class word_scrubber final : public text_scrubber, public stream_scrubber {
public:
  std::unique_ptr<stream_scrubber> in_pieces() const override {
    return std::make_unique<word_scrubber>();
  }
  std::optional<std::string> scrubbed(std::string_view text) const override {
    std::string out(text);
    const auto at = out.find(word);
    if (at == out.npos)
      return std::nullopt;
    return out.replace(at, word.size(), "[redacted]");
  }
  void feed(std::string_view bytes, std::string& out) override {
    for (const char c : bytes) {
      held_ += c;
      if (held_ == word) {
        out += "[redacted]";
        held_.clear();
      } else if (!word.starts_with(held_)) {
        finish(out);
      }
    }
  }
  void finish(std::string& out) override { out += std::exchange(held_, {}); }

private:
  static constexpr std::string_view word = "SECRET";
  std::string held_;
};

} // namespace behalf::testing
