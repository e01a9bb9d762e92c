#include "storage/extent.h"

namespace nsq::storage {

void intrusive_ptr_add_ref(Extent* extent) {
    extent->references.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(Extent* extent) {
    // A loop, not recursion through `next`: a chain can be long.
    while (extent != nullptr && extent->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        Extent* next = extent->next.load(std::memory_order_relaxed);
        delete extent;
        extent = next;
    }
}

}  // namespace nsq::storage
