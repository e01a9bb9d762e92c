#include "plugin/elf_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace nsq::plugin {

namespace {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
constexpr const char* kMachineName = "AArch64";
#else
#error "add this machine's ELF number"
#endif

/// No symbol or string table of a real plugin comes near this (chosen, bytes).
constexpr std::uint64_t kMaxTableBytes = 64 << 20;

Error reason(std::string text) {
    return {ErrorCode::kInvalid, std::move(text)};
}

Error truncated(const char* what) {
    return reason(std::string("truncated or damaged ELF file: its ") + what + " lies outside the file");
}

/// The NUL-terminated text at `offset`, empty if there is none.
std::string_view textAt(const std::vector<char>& table, std::uint64_t offset) {
    if (offset >= table.size()) return {};
    const auto begin = table.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto end = std::find(begin, table.end(), '\0');
    return end == table.end() ? std::string_view{} : std::string_view{begin, end};
}

}  // namespace

ElfFile::ElfFile(const std::filesystem::path& path, std::uint64_t size)
    : file_(path, std::ios::binary), size_(size) {}

Result<ElfFile> ElfFile::open(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) return reason("no such file");
    if (error) return reason("cannot be read: " + error.message());
    if (std::filesystem::is_directory(status)) return reason("is a directory, not an ELF shared object");
    if (!std::filesystem::is_regular_file(status)) return reason("is not a regular file");
    const std::uint64_t size = std::filesystem::file_size(path, error);
    if (error) return reason("cannot be read: " + error.message());

    errno = 0;
    ElfFile elf(path, size);
    if (!elf.file_.is_open()) return reason(std::string("cannot be read: ") + std::strerror(errno));
    if (auto read = elf.readHeader(); !read) return read.error();
    if (auto read = elf.readSegments(); !read) return read.error();
    if (auto read = elf.readSymbols(); !read) return read.error();
    return elf;
}

Result<void> ElfFile::readHeader() {
    if (size_ == 0) return reason("not an ELF shared object: the file is empty");
    std::array<char, SELFMAG> magic{};
    if (!readAt(0, std::as_writable_bytes(std::span{magic})) ||
        std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0) {
        return reason("not an ELF shared object");
    }
    if (!readAt(0, std::as_writable_bytes(std::span{&header_, 1}))) return truncated("header");
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB ||
        header_.e_machine != kMachine) {
        return reason("ELF file for machine " + std::to_string(header_.e_machine) + ", needs 64-bit " +
                      kMachineName + " (" + std::to_string(kMachine) + ")");
    }
    if (header_.e_type != ET_DYN) {
        return reason("ELF file of type " + std::to_string(header_.e_type) + ", needs a shared object (" +
                      std::to_string(ET_DYN) + ")");
    }
    return {};
}

Result<void> ElfFile::readSegments() {
    const std::uint64_t bytes = std::uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr);
    auto segments = readTable<Elf64_Phdr>(header_.e_phoff, bytes);
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || !segments) return truncated("program header table");
    segments_ = std::move(*segments);
    // The dynamic linker maps what the headers say and dies of SIGBUS when the file ends before it.
    const bool complete = std::ranges::all_of(segments_, [this](const Elf64_Phdr& segment) {
        return segment.p_offset <= size_ && segment.p_filesz <= size_ - segment.p_offset;
    });
    if (!complete) return truncated("segment");
    return {};
}

Result<void> ElfFile::readSymbols() {
    const std::uint64_t bytes = std::uint64_t{header_.e_shnum} * sizeof(Elf64_Shdr);
    auto sections = readTable<Elf64_Shdr>(header_.e_shoff, bytes);
    if (header_.e_shentsize != sizeof(Elf64_Shdr) || !sections) return truncated("section header table");
    sections_ = std::move(*sections);

    const auto table = [this](std::uint32_t section) {
        return section < sections_.size() && sections_[section].sh_type == SHT_STRTAB
                   ? readTable<char>(sections_[section].sh_offset, sections_[section].sh_size)
                   : std::nullopt;
    };
    auto names = table(header_.e_shstrndx);
    if (!names) return truncated("section name table");
    sectionNames_ = std::move(*names);

    const auto dynamic = std::ranges::find(sections_, Elf64_Word{SHT_DYNSYM}, &Elf64_Shdr::sh_type);
    if (dynamic == sections_.end()) return {};  // exports nothing
    auto symbols = readTable<Elf64_Sym>(dynamic->sh_offset, dynamic->sh_size);
    auto symbolNames = table(dynamic->sh_link);
    if (!symbols || !symbolNames) return truncated("symbol table");
    symbols_ = std::move(*symbols);
    symbolNames_ = std::move(*symbolNames);
    return {};
}

std::optional<ElfFile::Symbol> ElfFile::exported(std::string_view name) const {
    const auto found = std::ranges::find_if(symbols_, [&](const Elf64_Sym& symbol) {
        return symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
               textAt(symbolNames_, symbol.st_name) == name;
    });
    if (found == symbols_.end()) return std::nullopt;
    const std::string_view section =
        found->st_shndx < sections_.size() ? textAt(sectionNames_, sections_[found->st_shndx].sh_name) : "";
    return Symbol{ELF64_ST_TYPE(found->st_info) == STT_OBJECT, found->st_value, found->st_size,
                  std::string(section)};
}

bool ElfFile::read(const Symbol& symbol, std::span<std::byte> into) {
    if (into.size() > symbol.size) return false;
    for (const Elf64_Phdr& segment : segments_) {
        if (segment.p_type != PT_LOAD || symbol.address < segment.p_vaddr) continue;
        const std::uint64_t inside = symbol.address - segment.p_vaddr;
        if (inside > segment.p_filesz || into.size() > segment.p_filesz - inside) continue;
        return readAt(segment.p_offset + inside, into);
    }
    return false;
}

bool ElfFile::readAt(std::uint64_t offset, std::span<std::byte> into) {
    if (offset > size_ || into.size() > size_ - offset) return false;
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
    return file_.good();
}

template <typename T>
std::optional<std::vector<T>> ElfFile::readTable(std::uint64_t offset, std::uint64_t bytes) {
    if (bytes > kMaxTableBytes || offset > size_ || bytes > size_ - offset) return std::nullopt;
    std::vector<T> table(bytes / sizeof(T));
    if (!readAt(offset, std::as_writable_bytes(std::span{table}))) return std::nullopt;
    return table;
}

}  // namespace nsq::plugin
