// A text that takes long to make, shared by all who ask for it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

namespace behalf {

/// Makes the text at most 50 times a second; further callers get the last one.
class shared_page {
public:
  explicit shared_page(std::function<std::string()> make) : make_(std::move(make)) {}

  std::string text() {
    std::lock_guard lock{guard_};
    const auto now = std::chrono::steady_clock::now();
    if (now - since_ >= std::chrono::seconds{1}) {
      since_ = now;
      made_ = 0;
    }
    if (made_ < most_a_second) {
      ++made_;
      last_ = make_();
    }
    return last_;
  }

private:
  static constexpr int most_a_second = 50;

  std::mutex guard_;
  const std::function<std::string()> make_;
  std::chrono::steady_clock::time_point since_{};
  int made_ = 0;
  std::string last_;
};

} // namespace behalf
