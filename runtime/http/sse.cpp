#include "runtime/http/sse.hpp"

#include "runtime/net/event_stream.hpp"

namespace behalf {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (char c : value)
    if (c != '\r' && c != '\n' && c != '\0')
      out += c;
  out += "\r\n";
}

} // namespace

header_list sse_headers() {
  return {{"Content-Type", "text/event-stream; charset=utf-8"},
          {"Cache-Control", "no-store"},
          {"X-Accel-Buffering", "no"}};
}

void append_sse(std::string& out, std::string_view event, std::string_view data,
                std::string_view id) {
  out.reserve(out.size() + event.size() + data.size() + id.size() + 32);
  append_field(out, "event", event);
  while (true) {
    const auto end = find_line_end(data);
    out.append("data: ").append(data.substr(0, end)).append("\r\n");
    if (end == std::string_view::npos)
      break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  if (!id.empty())
    append_field(out, "id", id);
  out += "\r\n";
}

std::string sse_frame(std::string_view event, std::string_view data, std::string_view id) {
  std::string out;
  append_sse(out, event, data, id);
  return out;
}

} // namespace behalf
