#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/result.h"

namespace nsq::plugin {

/// What a shared object exports, read from the file alone: the dynamic linker would already run its static
/// constructors. Nothing in the file is trusted; offsets are checked and memory is bounded.
/// THREAD: any, one at a time.
class ElfFile {
public:
    /// A symbol the file defines for others.
    struct Symbol {
        bool isVariable;        ///< else a function, or something stranger
        std::uint64_t address;  ///< in the mapped object
        std::uint64_t size;     ///< bytes
        std::string section;    ///< the name of the section it lies in, empty if it has none
    };

    /// Fails, with the reason but not the path as text, unless `path` is a whole ELF shared object for this
    /// machine.
    static sdk::Result<ElfFile> open(const std::filesystem::path& path);

    std::optional<Symbol> exported(std::string_view name) const;

    /// Copies the symbol's first bytes, as the file holds them. False if `into` is larger than the symbol, or
    /// if the file has no bytes for it (zero-initialised memory) or cannot be read.
    bool read(const Symbol& symbol, std::span<std::byte> into);

private:
    ElfFile(const std::filesystem::path& path, std::uint64_t size);

    sdk::Result<void> readHeader();
    sdk::Result<void> readSegments();
    sdk::Result<void> readSymbols();

    bool readAt(std::uint64_t offset, std::span<std::byte> into);

    /// `bytes` of the file as an array of T; nullopt if they are not all there or too many.
    template <typename T>
    std::optional<std::vector<T>> readTable(std::uint64_t offset, std::uint64_t bytes);

    std::ifstream file_;
    std::uint64_t size_;  ///< of the file, in bytes
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
    std::vector<Elf64_Shdr> sections_;
    std::vector<char> sectionNames_;
    std::vector<Elf64_Sym> symbols_;
    std::vector<char> symbolNames_;
};

}  // namespace nsq::plugin
