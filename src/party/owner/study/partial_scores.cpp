#include "party/owner/study/partial_scores.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utc_time.h"
#include "base/utf8.h"
#include "features/data/npy.h"
#include "party/owner/study/row_matching.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

std::string one_text(const NpzArchive& archive, const std::string& member) {
  const std::vector<std::string> texts = archive.strings(member);
  if (texts.size() != 1) throw DataError(archive.where(member) + ": expected one text");
  return texts[0];
}

constexpr std::string_view kPartDomain = "blindtuner study part 2";
/// Of parts that do not say when they were made.
constexpr std::string_view kUndatedDomain = "blindtuner study part 1";

/// What is signed of a part: the digest of all that it has.
std::string signed_words(const StudyManifest& manifest, const PartialScores& part) {
  Sha256 hash;
  hash.add(manifest.digest);
  for (const std::string* word : {&part.owner, &part.model})
    hash.add_number(word->size()).add(*word);
  hash.add(part.made);  // of one length in its domain
  hash.add_number(static_cast<std::uint64_t>(part.scores.rows()))
      .add_number(static_cast<std::uint64_t>(part.scores.cols()));
  hash.add({reinterpret_cast<const std::uint8_t*>(part.scores.data()),
            static_cast<std::size_t>(part.scores.size()) * sizeof(double)});
  hash.add_number(part.rows.size());
  for (const std::string& row : part.rows) hash.add_number(row.size()).add(row);
  return to_hex(hash.finish());
}

}  // namespace

void save_partial_scores(const fs::path& path, const PartialScores& part) {
  std::map<std::string, std::vector<std::uint8_t>> members = {
      {"partial_scores", npy_bytes(part.scores)},
      {"owner", npy_bytes(std::vector<std::string>{part.owner})},
      {"model", npy_bytes(std::vector<std::string>{part.model})},
      {"signature", npy_bytes(std::vector<std::string>{to_hex(part.signature)})}};
  if (!part.made.empty()) members["made"] = npy_bytes(std::vector<std::string>{part.made});
  if (!part.rows.empty()) members["rows"] = npy_bytes(part.rows);
  write_npz(path, members, kForTheOwner);
}

PartialScores load_partial_scores(const fs::path& path) {
  const NpzArchive archive(path);
  if (!archive.contains("partial_scores"))
    throw DataError(archive.name() + ": has no partial scores, as 'study scores' writes them");
  if (!archive.contains("signature"))
    throw DataError(archive.name() + ": is not signed by its owner, as 'study scores' does");
  PartialScores out;
  out.scores = archive.matrix("partial_scores");
  out.owner = one_text(archive, "owner");
  out.model = one_text(archive, "model");
  if (archive.contains("made")) {
    out.made = one_text(archive, "made");
    if (!is_utc_time(out.made))
      throw DataError(archive.where("made") + ": expected a time as 2026-01-31T12:00:00Z");
  }
  if (!from_hex(one_text(archive, "signature"), out.signature))
    throw DataError(archive.where("signature") + ": expected 128 hexadecimal digits");
  if (out.scores.rows() < 1 || out.scores.cols() < 2 || !out.scores.allFinite())
    throw DataError(archive.where("partial_scores") +
                    ": expected a row or more of finite scores of two classes or more");
  if (archive.contains("rows")) {
    out.rows = archive.strings("rows");
    if (out.rows.size() != static_cast<std::size_t>(out.scores.rows()))
      throw DataError(archive.where("rows") + ": " + std::to_string(out.rows.size()) +
                      " hashes for " + std::to_string(out.scores.rows()) + " rows");
  }
  return out;
}

namespace {

PartialScores unsigned_part(StudyOwner& owner, StudyTraining& training, const Dataset& rows) {
  const StudyDraft& draft = owner.manifest().draft;
  if (draft.layout != StudyDraft::Layout::kColumns)
    throw DataError(
        "every owner of this study has all columns: 'study open' writes a model that "
        "each can use by itself");
  if (!owner.opened()) throw DataError("the model is not opened yet");
  require_study_rows(draft, owner.name(), rows);
  PartialScores out;
  out.owner = owner.name();
  const nlohmann::json report = read_json(owner.report_path());
  JsonIn(report, quoted_path(owner.report_path())).take("model", out.model);
  FeatureMatrix own = rows.features;
  if (const fs::path map = training.map_path(); path_exists(map))
    own = Whitening::load(map).apply(own);
  const LinearClassifier model = load_classifier(owner.model_path()).classifier;
  Eigen::Index first = 0;
  for (std::size_t i = 0; i < owner.index(); ++i)
    first += static_cast<Eigen::Index>(draft.columns[i]);
  if (first + own.cols() > model.weights.cols())
    throw DataError(quoted_path(owner.model_path()) + ": has fewer columns than the study");
  out.scores = own.cast<double>() * model.weights.middleCols(first, own.cols()).transpose();
  if (owner.index() + 1 == draft.owners.size()) out.scores.rowwise() += model.bias.transpose();
  if (!draft.identifiers) return out;
  // In the hashes' order, which tells nothing of the rows'.
  const Eigen::MatrixXd all = std::move(out.scores);
  const RowHashes hashes = row_hashes(owner, rows.ids);
  out.scores.resize(static_cast<Eigen::Index>(hashes.size()), all.cols());
  for (const auto& [hash, row] : hashes) {
    out.scores.row(static_cast<Eigen::Index>(out.rows.size())) = all.row(row);
    out.rows.push_back(to_hex(hash));
  }
  return out;
}

}  // namespace

PartialScores partial_scores(StudyOwner& owner, StudyTraining& training, const Dataset& rows) {
  PartialScores out = unsigned_part(owner, training, rows);
  out.made = utc_time(std::time(nullptr));
  out.signature = owner.signing_key().sign(kPartDomain, signed_words(owner.manifest(), out));
  return out;
}

void require_signed(const StudyManifest& manifest, const PartialScores& part,
                    const std::string& name) {
  const auto by = std::ranges::find(manifest.owners, part.owner, &StudyParty::name);
  if (by == manifest.owners.end())
    throw DataError(name + ": '" + printable(part.owner) + "' is none of the study's owners");
  if (!verify_signature(by->signing, part.made.empty() ? kUndatedDomain : kPartDomain,
                        signed_words(manifest, part), part.signature))
    throw DataError(name + ": '" + part.owner +
                    "' has not signed this: it was altered, or is of another study");
}

JoinedScores add_up(const std::vector<std::string>& owners, std::span<const PartialScores> parts,
                    std::span<const std::string> names) {
  require(!parts.empty() && names.size() == parts.size(), "parts with their names");
  std::vector<std::string> missing = owners;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].model != parts[0].model || parts[i].scores.cols() != parts[0].scores.cols())
      throw DataError(names[i] + ": is of another model than " + names[0]);
    if (parts[i].rows.empty() != parts[0].rows.empty())
      throw DataError(names[i] + ": only one of it and " + names[0] + " knows rows by identifiers");
    if (std::erase(missing, parts[i].owner) == 0)
      throw DataError(names[i] + ": '" + printable(parts[i].owner) +
                      "' is none of the study's owners, or has another part here");
  }
  if (!missing.empty())
    throw DataError("the part of '" + missing.front() +
                    "' is missing: without it there are no "
                    "scores ('study scores' makes it, there)");
  JoinedScores out;
  if (parts[0].rows.empty()) {
    out.scores = parts[0].scores;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].scores.rows() != out.scores.rows())
        throw DataError(names[i] + ": has " + std::to_string(parts[i].scores.rows()) +
                        " rows, and " + names[0] + " " + std::to_string(out.scores.rows()) +
                        ": owners have the same rows in the same order");
      out.scores += parts[i].scores;
    }
    for (Eigen::Index i = 0; i < out.scores.rows(); ++i)
      out.rows.push_back(static_cast<std::size_t>(i));
    return out;
  }
  std::vector<std::unordered_map<std::string_view, Eigen::Index>> places(parts.size());
  for (std::size_t k = 1; k < parts.size(); ++k)
    for (std::size_t i = 0; i < parts[k].rows.size(); ++i)
      if (!places[k].emplace(parts[k].rows[i], static_cast<Eigen::Index>(i)).second)
        throw DataError(names[k] + ": has a row twice");
  out.scores.resize(parts[0].scores.rows(), parts[0].scores.cols());
  for (std::size_t i = 0; i < parts[0].rows.size(); ++i) {
    Eigen::RowVectorXd sum = parts[0].scores.row(static_cast<Eigen::Index>(i));
    bool all = true;
    for (std::size_t k = 1; k < parts.size() && all; ++k) {
      const auto at = places[k].find(parts[0].rows[i]);
      all = at != places[k].end();
      if (all) sum += parts[k].scores.row(at->second);
    }
    if (!all) continue;
    out.scores.row(static_cast<Eigen::Index>(out.rows.size())) = sum;
    out.rows.push_back(i);
  }
  if (out.rows.empty()) throw DataError("no row is in all parts");
  out.scores.conservativeResize(static_cast<Eigen::Index>(out.rows.size()), Eigen::NoChange);
  return out;
}

JoinedScores combined_scores(StudyOwner& owner, StudyTraining& training, const Dataset& rows,
                             std::span<const fs::path> files) {
  std::vector<PartialScores> parts = {unsigned_part(owner, training, rows)};
  std::vector<std::string> names = {"this owner's part"};
  for (const fs::path& file : files) {
    parts.push_back(load_partial_scores(file));
    names.push_back(quoted_path(file));
    require_signed(owner.manifest(), parts.back(), names.back());
  }
  const StudyDraft& draft = owner.manifest().draft;
  JoinedScores out = add_up(draft.owners, parts, names);
  for (std::size_t i = 1; i < parts.size(); ++i) out.made[parts[i].owner] = parts[i].made;
  if (!draft.identifiers) {
    if (training.are_told(rows)) out.trained_on = out.rows.size();
    return out;
  }
  // Back from the parts' order to the rows that it has given.
  const RowHashes hashes = row_hashes(owner, rows.ids);
  RowHashes joined;
  for (std::size_t& row : out.rows) {
    joined.push_back(hashes[row]);
    row = joined.back().second;
  }
  out.trained_on = matched_before(owner, joined);
  return out;
}

}  // namespace blindtuner::party
