#include "nsq/sdk/memory_stats.h"

#include <malloc.h>

namespace nsq::sdk {

MemoryStats memoryStats() {
    const struct mallinfo2 info = mallinfo2();
    return {{{"heap_objects", 0},
             {"heap_idle_bytes", info.fordblks},
             {"heap_in_use_bytes", info.uordblks + info.hblkhd},
             {"heap_released_bytes", 0},
             {"gc_pause_usec_100", 0},
             {"gc_pause_usec_99", 0},
             {"gc_pause_usec_95", 0},
             {"next_gc_bytes", 0},
             {"gc_total_runs", 0}}};
}

}  // namespace nsq::sdk
