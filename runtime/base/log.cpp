#include "runtime/base/log.hpp"

#include "behalf/time.hpp"
#include "runtime/base/json.hpp"

#include <climits>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <optional>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace behalf::log {
namespace {

// Lines that nobody took.
struct losses {
  std::atomic<int64_t> all{0}, untold{0};
};

losses& the_losses() {
  static losses l;
  return l;
}

// A descriptor that takes lines: each is whole or not there, and what is left of one is ended
// before the next. Whoever is behind a pipe and does not read keeps nobody waiting: the first line
// waits for a moment, further ones do not, until there is room again.
class line_writer {
public:
  explicit line_writer(int fd) : fd_(fd) {}

  /// False: it did not take the line, or not all of it.
  bool write(std::string_view payload) {
    std::string line = torn_ ? "\n" : "";
    line += payload;
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty() && has_room()) {
      auto n = ::write(fd_, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    torn_ = rest.empty() ? false : torn_ || rest.size() < line.size();
    return rest.empty();
  }

private:
  bool has_room() { // for PIPE_BUF bytes
    constexpr int patience_ms = 100;
    pollfd of{fd_, POLLOUT, 0};
    int ready = 0;
    do
      ready = ::poll(&of, 1, stalled_ ? 0 : patience_ms);
    while (ready < 0 && errno == EINTR);
    stalled_ = ready == 0;
    return !stalled_;
  }

  int fd_;
  bool torn_ = false; // it does not end with a line
  bool stalled_ = false;
};

// Standard error, or a file: what that does not take, as with a full disk, goes to standard error.
class line_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  line_sink() = default;
  /// Throws system_error.
  explicit line_sink(const std::string& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    if (fd_ < 0)
      throw std::system_error{errno, std::generic_category()};
    file_.emplace(fd_);
  }
  ~line_sink() override {
    if (fd_ >= 0)
      ::close(fd_);
  }

protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    std::string_view line{msg.payload.data(), msg.payload.size()};
    if ((file_ && file_->write(line)) || standard_error_.write(line))
      return;
    ++the_losses().all;
    ++the_losses().untold;
  }
  void flush_() override {}

private:
  int fd_ = -1;
  std::optional<line_writer> file_;
  line_writer standard_error_{STDERR_FILENO};
};

// Where the lines go may change while others write: they meet at `to`, which has a lock.
struct sink {
  using fan_out = spdlog::sinks::dist_sink_mt;
  std::shared_ptr<fan_out> to = std::make_shared<fan_out>();
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("behalf", to);
  std::atomic<format> as{format::text};

  sink() {
    lead(std::make_shared<line_sink>());
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

std::string line_of(format as, std::string_view name, std::string_view event, fields all) {
  if (as == format::json) {
    json::object line{{"time", iso8601(now())}, {"level", name}, {"event", event}};
    for (const auto& f : all)
      line[f.key] = to_json(f);
    return dump(line);
  }
  std::string line = iso8601(now()).substr(0, 23) + "Z " + std::string(name) + " ";
  line += event;
  for (const auto& f : all) {
    line += ' ';
    line += f.key;
    line += '=';
    line += plain(to_json(f));
  }
  return line;
}

void write(spdlog::level::level_enum level, std::string_view name, std::string_view event,
           fields all) {
  auto& s = the_sink();
  if (!s.logger->should_log(level))
    return;
  auto& lost = the_losses();
  const auto before = lost.untold.load();
  s.logger->log(level, line_of(s.as, name, event, all));
  if (before == 0 || lost.untold != before) // none, or still nobody reads
    return;
  if (auto lines = lost.untold.exchange(0); lines > 0)
    s.logger->log(spdlog::level::warn,
                  line_of(s.as, "warning", "log_lines_lost", {{"lines", lines}}));
}

} // namespace

result<void> configure(std::string_view level, format as, const std::string& file) {
  auto& s = the_sink();
  try {
    if (file.empty())
      s.lead(std::make_shared<line_sink>());
    else
      s.lead(std::make_shared<line_sink>(file));
  } catch (const std::system_error& e) {
    return fail(errc::invalid_argument,
                "log.file: " + file + " cannot be written: " + e.code().message());
  }
  s.as = as;
  s.logger->set_level(spdlog::level::from_str(std::string(level)));
  return {};
}

int64_t lost_lines() {
  return the_losses().all;
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
