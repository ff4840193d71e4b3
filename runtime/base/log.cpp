#include "runtime/base/log.hpp"

#include "behalf/time.hpp"
#include "runtime/base/json.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <system_error>
#include <unistd.h>

namespace behalf::log {
namespace {

// Lines are whole or not there: what a full disk leaves of one is ended before the next. What it
// does not take goes to standard error.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  /// Throws system_error.
  explicit file_sink(const std::string& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    if (fd_ < 0)
      throw std::system_error{errno, std::generic_category()};
  }
  ~file_sink() override { ::close(fd_); }

protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    std::string line = torn_ ? "\n" : "";
    line.append(msg.payload.data(), msg.payload.size());
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      auto n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    torn_ = rest.empty() ? false : torn_ || rest.size() < line.size();
    if (!rest.empty())
      std::fprintf(stderr, "%.*s\n", static_cast<int>(msg.payload.size()), msg.payload.data());
  }
  void flush_() override {}

private:
  int fd_;
  bool torn_ = false; // the file does not end with a line
};

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
  try {
    if (file.empty())
      s.lead(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    else
      s.lead(std::make_shared<file_sink>(file));
  } catch (const std::system_error& e) {
    return fail(errc::invalid_argument,
                "log.file: " + file + " cannot be written: " + e.code().message());
  }
  s.as = as;
  s.logger->set_level(spdlog::level::from_str(std::string(level)));
  return {};
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
