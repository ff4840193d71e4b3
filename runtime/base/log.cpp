#include "runtime/base/log.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/time.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace behalf::log {
namespace {

// Where the lines go may change while others write: they meet at `to`, which has a lock.
struct sink {
  using fan_out = spdlog::sinks::dist_sink_mt;
  std::shared_ptr<fan_out> to = std::make_shared<fan_out>();
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("behalf", to);
  std::atomic<format> as{format::text};

  sink() {
    lead(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->flush_on(spdlog::level::debug);
  }
  void lead(spdlog::sink_ptr where) const {
    where->set_pattern("%v");
    to->set_sinks({std::move(where)});
  }
};

sink& the_sink() {
  static sink s;
  return s;
}

json::value to_json(const field& f) {
  return std::visit(
    [](const auto& v) -> json::value {
      if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string_view>)
        return json::string(v.data(), v.size());
      else
        return v;
    },
    f.value);
}

// A value in a text line: quoted, with control characters escaped, when it is not a plain word.
std::string plain(const json::value& v) {
  if (v.is_double()) { // not 7.151513E0
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", v.get_double());
    return text;
  }
  if (!v.is_string())
    return dump(v);
  std::string_view text{v.get_string().data(), v.get_string().size()};
  bool simple = !text.empty();
  for (unsigned char c : text)
    simple = simple && c > ' ' && c != '"' && c != '=' && c != 127;
  return simple ? std::string(text) : dump(v);
}

void write(spdlog::level::level_enum level, std::string_view name, std::string_view event,
           fields all) {
  auto& s = the_sink();
  if (!s.logger->should_log(level))
    return;
  if (s.as == format::json) {
    json::object line{{"time", iso8601(now())}, {"level", name}, {"event", event}};
    for (const auto& f : all)
      line[f.key] = to_json(f);
    s.logger->log(level, dump(line));
    return;
  }
  std::string line = iso8601(now()).substr(0, 23) + "Z " + std::string(name) + " ";
  line += event;
  for (const auto& f : all) {
    line += ' ';
    line += f.key;
    line += '=';
    line += plain(to_json(f));
  }
  s.logger->log(level, line);
}

} // namespace

result<void> configure(std::string_view level, format as, const std::string& file) {
  auto& s = the_sink();
  auto folder = std::filesystem::path(file).parent_path();
  std::error_code ec;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ec)) // spdlog would make it
    return fail(errc::invalid_argument, "log.file: " + file + " cannot be written: "
                                          + std::generic_category().message(ENOENT));
  try {
    if (file.empty())
      s.lead(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    else
      s.lead(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
  } catch (const spdlog::spdlog_ex&) { // it begins with spdlog's own words
    return fail(errc::invalid_argument, "log.file: " + file + " cannot be written: "
                                          + std::generic_category().message(errno));
  }
  s.as = as;
  s.logger->set_level(spdlog::level::from_str(std::string(level)));
  return {};
}

bool debug_on() {
  return the_sink().logger->should_log(spdlog::level::debug);
}

void debug(std::string_view event, fields f) {
  write(spdlog::level::debug, "debug", event, f);
}

void info(std::string_view event, fields f) {
  write(spdlog::level::info, "info", event, f);
}

void warning(std::string_view event, fields f) {
  write(spdlog::level::warn, "warning", event, f);
}

void error(std::string_view event, fields f) {
  write(spdlog::level::err, "error", event, f);
}

} // namespace behalf::log
