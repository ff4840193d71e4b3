// Event-stream framing (HTML standard 9.2), in the order and with the line ends SDKs expect.
#pragma once

#include "behalf/outbound.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// A comment that keeps the connection and the client's watchdog alive: every 5 s.
constexpr std::string_view sse_heartbeat = ": heartbeat\r\n\r\n";

/// The fields of an event stream's answer, apart from Location and Content-Location.
header_list sse_headers();

/// Appends one event: `event`, `data`, then `id` unless it is empty. `data` is one line of JSON;
/// line breaks in it become several data fields, as the standard says. Line breaks and NUL in
/// `event` or `id` are left out.
void append_sse(std::string& out, std::string_view event, std::string_view data,
                std::string_view id = {});

std::string sse_frame(std::string_view event, std::string_view data, std::string_view id = {});

} // namespace behalf
