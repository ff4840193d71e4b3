#include "secrets/process.hpp"

#include "runtime/base/log.hpp"

#include <cerrno>
#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace behalf {

void harden_process(const hardening_options& options) {
  if (options.allow_core_dumps)
    return;
  rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0)
    log::warning("core_dumps_not_limited", {{"reason", std::strerror(errno)}});
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    log::warning("process_still_dumpable", {{"reason", std::strerror(errno)}});
}

} // namespace behalf
