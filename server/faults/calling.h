#pragma once

#include <atomic>
#include <string_view>

#include "faults/code_owners.h"
#include "nsq/sdk/loop.h"

namespace nsq::faults {

/// For whom a thread calls code that is not the server's own. What is opened within the call, such as a
/// publisher, belongs to the same.
struct Caller {
    CodeOwner* owner = nullptr;                   ///< null: nobody's that has a name
    const sdk::Connection* connection = nullptr;  ///< null: no single one's. May be gone: only to be compared
};

/// Where a thread is, for others to see. THREAD: the thread's for what changes it; any for the rest.
struct Whereabouts {
    std::atomic<CodeOwner*> owner{nullptr};
    std::atomic<const void*> code{nullptr};       ///< see codeOf; null: use `owner`
    const sdk::Connection* connection = nullptr;  ///< THREAD: the thread's own
};

/// The calling thread's. Valid while the thread lives.
Whereabouts& whereabouts();

/// Whom the calling thread calls now.
Caller currentCaller();

/// Who has the code that `thread` is in; null: the server itself.
CodeOwner* ownerOfCall(const Whereabouts& thread, CodeOwners& owners);

/// From now on an exception that nothing can catch, such as one out of a destructor, ends the process with a
/// line on standard error that names the plugin. THREAD: main.
void nameCulpritAtTerminate();

/// Stands where code that is not the server's own is called, for as long as the call takes.
class Calling {
public:
    explicit Calling(Caller caller) : Calling(caller, nullptr) {}

    /// For an object of which only the code tells whose it is; `connection` as of Caller.
    Calling(const void* code, const sdk::Connection* connection)
        : Calling(Caller{nullptr, connection}, code) {}

    Calling(const Calling&) = delete;
    Calling& operator=(const Calling&) = delete;
    ~Calling() { set(before_, codeBefore_); }

private:
    Calling(Caller caller, const void* code)
        : here_(whereabouts()),
          before_{here_.owner.load(std::memory_order_relaxed), here_.connection},
          codeBefore_(here_.code.load(std::memory_order_relaxed)) {
        set(caller, code);
    }

    void set(Caller caller, const void* code) {
        here_.owner.store(caller.owner, std::memory_order_relaxed);
        here_.code.store(code, std::memory_order_relaxed);
        here_.connection = caller.connection;
    }

    Whereabouts& here_;
    const Caller before_;
    const void* const codeBefore_;
};

/// Who is told of exceptions on a loop's thread: the loop, if it has connections.
class FaultHandler {
public:
    /// Within a catch block: a call for `caller` threw. `what` is the name of what was called, `code` tells
    /// whose it is if the caller has no owner. Closes the caller's connection, if it is still there.
    virtual void onFault(Caller caller, const void* code, std::string_view what) = 0;

protected:
    ~FaultHandler() = default;
};

/// Calls a listener's `what` for `caller`. An exception is the loop's FaultHandler's; without one it goes on.
template <typename Listener, typename Call>
void callListener(sdk::Loop& loop, Caller caller, Listener& listener, std::string_view what, Call call) {
    const void* const code = codeOf(&listener);  // the listener may be gone after the call
    const Calling calling(caller);
    try {
        call();
    } catch (...) {
        auto* const handler = dynamic_cast<FaultHandler*>(&loop);
        if (handler == nullptr) throw;
        handler->onFault(caller, code, what);
    }
}

}  // namespace nsq::faults
