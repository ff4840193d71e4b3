#include "runtime/net/event_stream.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace behalf {

// In short windows, so that looking for one of the two does not run far past the other.
std::size_t find_line_end(std::string_view text) {
  constexpr std::size_t window = 256;
  for (std::size_t from = 0; from < text.size(); from += window) {
    const auto part = text.substr(from, window);
    const auto feed = part.find('\n');
    const auto at = std::min(feed, part.substr(0, feed).find('\r'));
    if (at != part.npos)
      return from + at;
  }
  return text.npos;
}

std::vector<stream_event> event_stream::feed(std::string_view bytes) {
  std::vector<stream_event> out;
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = find_line_end(bytes);
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos)
      break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    take_line(out);
  }
  return out;
}

void event_stream::reconnected() {
  line_.clear();
  name_.clear();
  data_.clear();
  id_ = last_id_;
  first_line_ = true;
  after_cr_ = has_data_ = false;
}

void event_stream::take_line(std::vector<stream_event>& out) {
  std::string_view line = line_;
  if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF"))
    line.remove_prefix(3);
  if (!line.empty()) {
    const auto colon = line.find(':');
    auto value = colon == line.npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' '))
      value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
  } else { // a blank line ends the event
    last_id_ = id_;
    if (std::exchange(has_data_, false)) {
      data_.pop_back(); // the line feed behind the last data line
      out.push_back({name_.empty() ? "message" : std::move(name_), std::move(data_)});
    }
    name_.clear();
    data_.clear();
  }
  line_.clear();
}

void event_stream::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_.append(value).push_back('\n');
    has_data_ = true;
  } else if (name == "event") {
    name_ = value;
  } else if (name == "id") {
    if (value.find('\0') == value.npos)
      id_ = value;
  } else if (name == "retry") {
    int64_t ms = 0;
    const auto* last = value.data() + value.size();
    const auto [end, failed] = std::from_chars(value.data(), last, ms);
    if (failed == std::errc{} && end == last && ms >= 0)
      retry_ = std::chrono::milliseconds{ms};
  } // a comment (its name is empty) or a field of the future
}

} // namespace behalf
