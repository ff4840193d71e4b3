// What the operating system may show of this process: as little as possible.
#pragma once

namespace behalf {

struct hardening_options {
  /// Leaves core dumps and debuggers possible. For tests that search a core dump: guarded memory
  /// stays out of it either way.
  bool allow_core_dumps = false;
};

/// Call once, first thing in main. Forbids core dumps (RLIMIT_CORE 0, and PR_SET_DUMPABLE 0, which
/// also counts where cores are piped to a program) and reading /proc/<pid>/{mem,environ} or
/// attaching a debugger as the same user. What the system refuses is logged, not fatal.
void harden_process(const hardening_options& options = {});

} // namespace behalf
