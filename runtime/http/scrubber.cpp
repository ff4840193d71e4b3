#include "runtime/http/scrubber.hpp"

#include <algorithm>
#include <cstring>

namespace behalf {

namespace {

constexpr std::string_view redacted = "[redacted]";
constexpr auto npos = std::string_view::npos;

// Length of the longest proper prefix of `needle` that `bytes` ends with.
std::size_t overlap(std::string_view bytes, std::string_view needle) {
  auto window = std::min(bytes.size(), needle.size() - 1);
  const char* at = bytes.data() + bytes.size() - window;
  const char* end = bytes.data() + bytes.size();
  while (at < end) {
    at = static_cast<const char*>(std::memchr(at, needle.front(), end - at));
    if (!at)
      return 0;
    if (std::memcmp(at, needle.data(), end - at) == 0)
      return end - at;
    ++at;
  }
  return 0;
}

} // namespace

needle_scrubber::needle_scrubber(std::shared_ptr<const needle_list> needles)
  : needles_(std::move(needles)) {
  for (const auto& needle : *needles_)
    longest_ = std::max(longest_, needle.size());
}

void needle_scrubber::feed(std::string_view bytes, std::string& out) {
  if (held_.empty()) {
    auto used = replace(bytes, out, false);
    held_.append(bytes.substr(used));
    return;
  }
  held_.append(bytes);
  held_.erase_front(replace(held_.view(), out, false));
}

void needle_scrubber::finish(std::string& out) {
  replace(held_.view(), out, true);
  held_.clear();
}

// Copies to `out` what is decided, answers how many bytes that was.
std::size_t needle_scrubber::replace(std::string_view bytes, std::string& out, bool last) {
  // Where each needle occurs next: looked up again only when passed, so that one reply is
  // searched once per needle.
  std::vector<std::size_t> next(needles_->size(), 0);
  std::size_t done = 0;
  for (bool first = true;; first = false) {
    auto best = npos;
    std::size_t best_size = 0;
    for (std::size_t i = 0; i < next.size(); ++i) {
      auto needle = (*needles_)[i].view();
      if (needle.empty())
        continue;
      if (first || next[i] < done)
        next[i] = bytes.find(needle, done);
      if (next[i] == npos)
        continue;
      if (next[i] < best || (next[i] == best && needle.size() > best_size)) {
        best = next[i];
        best_size = needle.size();
      }
    }
    // Near the border, a needle that is not whole yet may have begun before the best whole one.
    auto open = bytes.size();
    if (!last && (best == npos || best + longest_ > bytes.size()))
      open -= open_suffix(bytes.substr(done));
    if (best == npos || open <= best) {
      out.append(bytes.substr(done, open - done));
      return open;
    }
    out.append(bytes.substr(done, best - done)).append(redacted);
    done = best + best_size;
  }
}

// How many bytes at the end may be the beginning of a needle.
std::size_t needle_scrubber::open_suffix(std::string_view bytes) const {
  std::size_t longest = 0;
  for (const auto& needle : *needles_)
    if (!needle.empty())
      longest = std::max(longest, overlap(bytes, needle.view()));
  return longest;
}

} // namespace behalf
