#include "faults/calling.h"

#include <cstdlib>
#include <exception>
#include <iostream>

#include "faults/exception_text.h"

namespace nsq::faults {

namespace {

std::string currentExceptionText() {
    const std::exception_ptr current = std::current_exception();
    if (current == nullptr) return "std::terminate was called";
    try {
        std::rethrow_exception(current);
    } catch (...) {
        return exceptionText();
    }
}

[[noreturn]] void terminate() {
    const CodeOwner* const owner = currentCaller().owner;
    std::cerr << "nsqd: " << (owner == nullptr ? "" : "plugin " + owner->name() + ": ")
              << "an exception that nothing can catch: " << currentExceptionText() << std::endl;
    std::abort();
}

}  // namespace

Whereabouts& whereabouts() {
    thread_local Whereabouts here;
    return here;
}

Caller currentCaller() {
    const Whereabouts& here = whereabouts();
    return {here.owner.load(std::memory_order_relaxed), here.connection};
}

CodeOwner* ownerOfCall(const Whereabouts& thread, CodeOwners& owners) {
    const void* const code = thread.code.load(std::memory_order_relaxed);
    return code == nullptr ? thread.owner.load(std::memory_order_relaxed) : owners.ofAddress(code);
}

void nameCulpritAtTerminate() {
    std::set_terminate(terminate);
}

}  // namespace nsq::faults
