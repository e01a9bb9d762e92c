#pragma once

#include <mutex>

#include "journal.h"
#include "place.h"
#include "rules.h"

namespace faultfs {

/// What the intercepted functions share. The environment says where things are: FAULTFS_DATA is the data
/// directory, FAULTFS_CONTROL the directory with `rules` and `journal`. It is made at the first call, whoever
/// makes it, and never destroyed, as calls come until the process ends.
struct Shim {
    Place place;
    Rules rules;
    std::mutex mutex;  ///< held over a call that changes something and its record: their orders are the same
    Journal journal;
};

Shim& shim();

/// Sets errno and returns -1, as a failing call does.
int fail(int error);

}  // namespace faultfs
