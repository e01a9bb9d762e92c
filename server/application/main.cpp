#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "application/application.h"
#include "application/start_error.h"

int main(int argc, char** argv) {
    using nsq::app::ExitStatus;
    try {
        return nsq::app::runProgram(argv[0], {argv + 1, argv + argc});
    } catch (const nsq::app::StartError& error) {
        std::cerr << "nsqd: " << error.what() << '\n';
        return static_cast<int>(error.status());
    } catch (const std::exception& error) {
        std::cerr << "nsqd: " << error.what() << '\n';
        return static_cast<int>(ExitStatus::kFailed);
    }
}
