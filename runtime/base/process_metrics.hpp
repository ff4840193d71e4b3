// What Prometheus expects every process to say of itself: memory, CPU, descriptors, start.
#pragma once

namespace behalf {

class metrics;

/// Adds process_* to `all`, read from /proc when somebody asks. `all` must outlive the process's
/// last reading.
void add_process_metrics(metrics& all);

} // namespace behalf
