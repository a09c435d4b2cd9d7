#ifndef OPSLOT_EXAMPLE_FILE_STORE_HPP
#define OPSLOT_EXAMPLE_FILE_STORE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/open_file.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace http {

/// The path that is meant by the target of a request, without the slash at its
/// front. Nothing if it is malformed, or leads to what is not for everybody:
/// hidden files, and all that lies above.
inline std::optional<std::string> decode_target(std::string_view target)
{
    target = target.substr(0, target.find('?'));
    std::string path;
    for (std::size_t i = 0; i != target.size(); ++i)
    {
        char c = target[i];
        if (c == '%')
        {
            auto const digits = target.substr(i + 1, 2);
            unsigned char code = 0;
            auto const end = digits.data() + digits.size();
            auto const parsed = std::from_chars(digits.data(), end, code, 16);
            if (digits.size() != 2 || parsed.ptr != end)
            {
                return {};
            }
            c = static_cast<char>(code);
            i += 2;
        }
        bool const begins = path.empty() || path.back() == '/';
        if (c == '\0' || c == '\\' || (c == '.' && begins) ||
            (path.empty() && c != '/'))
        {
            return {};
        }
        path += c;
    }
    if (path.empty())
    {
        return {};
    }
    path += path.back() == '/' ? "index.html" : "";
    return path.substr(std::min(path.find_first_not_of('/'), path.size()));
}

/// A file, and what a client may want to know of it.
struct stored_file
{
    opslot::open_file file;
    std::string_view type;
    std::uint64_t size = 0;
    std::time_t modified = 0;
};

/** The files below a directory, by the targets of requests.

    It keeps them open, so a file that is asked for again costs no allocation,
    and looks once a second whether its name still means the same one. Links
    are followed if they do not lead out of the directory; who can change them
    meanwhile can make it serve anything.
*/
class file_store
{
public:
    /// Throws `std::filesystem::filesystem_error` if there is no such
    /// directory.
    explicit file_store(std::filesystem::path const& root)
        : root_(std::filesystem::canonical(root))
    {
        if (!std::filesystem::is_directory(root_))
        {
            throw std::filesystem::filesystem_error(
                "not served",
                root_,
                std::make_error_code(std::errc::not_a_directory));
        }
    }

    /// Nothing if there is no such file, or none that may be read by all.
    /// May be called by several threads.
    std::optional<stored_file> find(std::string_view target)
    {
        std::lock_guard const lock(mutex_);
        auto const found = known_.find(target);
        if (found != known_.end())
        {
            if (is_current(found->second))
            {
                return found->second.file;
            }
            known_.erase(found);
        }
        auto const path = resolve(target);
        return path ? open(std::string(target), *path) : std::nullopt;
    }

private:
    using clock = std::chrono::steady_clock;

    static constexpr std::size_t most = 1000;

    struct entry
    {
        stored_file file;
        std::string path;
        struct ::stat status;
        clock::time_point seen;
    };

    static bool is_current(entry& e)
    {
        auto const now = clock::now();
        if (now - e.seen < std::chrono::seconds(1))
        {
            return true;
        }
        e.seen = now;
        struct ::stat s = {};
        return ::stat(e.path.c_str(), &s) == 0 && s.st_ino == e.status.st_ino &&
               s.st_dev == e.status.st_dev && s.st_size == e.status.st_size &&
               s.st_mtim.tv_sec == e.status.st_mtim.tv_sec &&
               s.st_mtim.tv_nsec == e.status.st_mtim.tv_nsec;
    }

    std::optional<std::filesystem::path> resolve(std::string_view target) const
    {
        auto const relative = decode_target(target);
        if (!relative)
        {
            return {};
        }
        std::error_code ec;
        auto const path = std::filesystem::canonical(root_ / *relative, ec);
        auto const [end, ignored] =
            std::mismatch(root_.begin(), root_.end(), path.begin(), path.end());
        return !ec && end == root_.end() ? std::optional(path) : std::nullopt;
    }

    std::optional<stored_file>
    open(std::string target, std::filesystem::path const& path)
    {
        boost::system::error_code ec;
        entry e{{}, path.native(), {}, clock::now()};
        e.file.file = opslot::open_file(path, ec);
        if (ec || ::fstat(e.file.file.native_handle(), &e.status) != 0 ||
            (e.status.st_mode & S_IROTH) == 0)
        {
            return {};
        }
        e.file.type = type_of(path.extension().native());
        e.file.size = static_cast<std::uint64_t>(e.status.st_size);
        e.file.modified = e.status.st_mtim.tv_sec;
        if (known_.size() == most)
        {
            known_.clear();
        }
        return known_.emplace(std::move(target), std::move(e))
            .first->second.file;
    }

    static std::string_view type_of(std::string_view extension)
    {
        constexpr std::pair<std::string_view, std::string_view> types[] = {
            {".css", "text/css"},
            {".gif", "image/gif"},
            {".html", "text/html; charset=utf-8"},
            {".jpg", "image/jpeg"},
            {".js", "text/javascript"},
            {".json", "application/json"},
            {".png", "image/png"},
            {".svg", "image/svg+xml"},
            {".txt", "text/plain; charset=utf-8"},
        };
        for (auto const& [end, type] : types)
        {
            if (end == extension)
            {
                return type;
            }
        }
        return "application/octet-stream";
    }

    std::filesystem::path root_;
    std::mutex mutex_;
    std::map<std::string, entry, std::less<>> known_;
};

} // namespace http

#endif
