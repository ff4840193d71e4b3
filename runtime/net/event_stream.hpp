// Reads an event stream as it arrives (HTML standard 9.2.6), cut anywhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct stream_event {
  std::string name; // "message" unless the event says otherwise
  std::string data; // its data lines, joined by line feeds
};

/// Where the first carriage return or line feed is; npos: there is none. std::string_view's own
/// find_first_of asks the C library about every single character.
std::size_t find_line_end(std::string_view text);

/// Holds at most the event that is still incomplete: who feeds it bounds the sum.
class event_stream {
public:
  /// The events these bytes complete, in order. Those without any data field are left out.
  std::vector<stream_event> feed(std::string_view bytes);

  /// The connection broke: what was incomplete is dropped, the id and the delay stay.
  void reconnected();

  /// The id to resume after; empty when the server gave none.
  const std::string& last_id() const { return last_id_; }

  /// How long the server wants a client to wait before it reconnects.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

private:
  void take_line(std::vector<stream_event>& out);
  void take_field(std::string_view name, std::string_view value);

  std::string line_, name_, data_, id_, last_id_;
  std::optional<std::chrono::milliseconds> retry_;
  bool first_line_ = true; // may begin with a byte order mark
  bool after_cr_ = false;  // a line feed now belongs to the line end before it
  bool has_data_ = false;
};

} // namespace behalf
