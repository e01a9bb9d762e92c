#include "net/exception_text.h"

#include <Poco/Exception.h>

#include <exception>

namespace nsq::net {

std::string exceptionText() {
    try {
        throw;
    } catch (const Poco::Exception& error) {
        return error.displayText();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

}  // namespace nsq::net
