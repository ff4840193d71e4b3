#include "secrets/scrubber.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::string_view redacted = "[redacted]";
constexpr std::size_t most_at_once = 16 * 1024;
// A few characters before a line's end are not held back (that would delay every event), so they
// are remembered.
constexpr std::size_t remembered = 32;

} // namespace

// --- a stream -----------------------------------------------------------------------------------

void scrub_window::feed(const credential_finder& finder, std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    window_.append(bytes.substr(0, most_at_once));
    bytes.remove_prefix(std::min(bytes.size(), most_at_once));
    pass(finder, false, out);
  }
}

void scrub_window::finish(const credential_finder& finder, std::string& out) {
  pass(finder, true, out);
  window_.clear();
  told_ = phase_ = 0;
  replaced_last_ = false;
}

// Tells what is decided.
void scrub_window::pass(const credential_finder& finder, bool last, std::string& out) {
  auto text = window_.view();
  auto found = finder.look(text, last, phase_);
  auto done = told_;
  for (auto hit : found.hits) {
    if (hit.end <= done)
      continue; // of it, all that could be was replaced before
    auto first = std::max(hit.first, done);
    out.append(text.substr(done, first - done));
    if (hit.first >= done || !replaced_last_) // else it only turned out to be longer
      out.append(redacted);
    done = hit.end;
    replaced_last_ = true;
  }
  auto end = last ? text.size() : std::max(done, found.open);
  out.append(text.substr(done, end - done));
  replaced_last_ = replaced_last_ && end == done;
  auto drop = end - std::min(end, remembered);
  phase_ = base64_phase(text.substr(0, drop), phase_);
  told_ = end - drop;
  window_.erase_front(drop);
}

credential_scrubber::credential_scrubber(std::shared_ptr<const credential_texts> texts)
  : texts_(std::move(texts)) {}

std::shared_ptr<const credential_texts> make_texts(std::string_view value) {
  return std::shared_ptr<const credential_texts>{new credential_texts{value}};
}

std::unique_ptr<reply_scrubber> make_scrubber(std::string_view value) {
  return std::make_unique<credential_scrubber>(make_texts(value));
}

// --- whole texts --------------------------------------------------------------------------------

std::unique_ptr<stream_scrubber> credential_texts::in_pieces() const {
  return std::make_unique<credential_scrubber>(shared_from_this());
}

std::optional<std::string> credential_texts::scrubbed(std::string_view text) const {
  if (text.size() < finder_.least())
    return std::nullopt;
  if (text.size() <= most_at_once && finder_.look(text, true).hits.empty())
    return std::nullopt;
  std::string out;
  scrub_window window;
  window.feed(finder_, text, out);
  window.finish(finder_, out);
  if (out == text)
    return std::nullopt;
  return out;
}

} // namespace behalf
