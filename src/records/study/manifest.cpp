#include "records/study/manifest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/cryptography.h"
#include "base/error.h"
#include "base/utf8.h"
#include "learn/head.h"

namespace blindtuner::records {
namespace {

constexpr std::string_view kManifestDomain = "blindtuner study manifest 1";

void expect(bool condition, const std::string& member, const std::string& what) {
  if (!condition) throw DataError("a study's '" + member + "' " + what);
}

bool is_text(const std::string& text, std::size_t most) {
  const auto points = decode_utf8(text);
  return !text.empty() && text.size() <= most && points &&
         std::ranges::none_of(*points, steers_display);
}

/// As a message has it, whose JSON is a text in another: quotes and backslashes are four.
std::size_t sent_bytes(const std::string& word) {
  const auto escaped = std::ranges::count_if(word, [](char c) { return c == '"' || c == '\\'; });
  return word.size() + 3 * static_cast<std::size_t>(escaped);
}

/// Different ones, short enough, without blanks around them, as tables' are read; there may be none.
void expect_words(const std::vector<std::string>& words, const std::string& member) {
  std::set<std::string> seen;
  std::size_t bytes = 0;
  for (const std::string& word : words) {
    expect(is_text(word, kMaxStudyWord), member,
           "are texts of 1 to " + std::to_string(kMaxStudyWord) + " bytes");
    expect(word.front() != ' ' && word.back() != ' ', member, "has blanks around '" + word + "'");
    expect(seen.insert(word).second, member, "has '" + word + "' twice");
    bytes += sent_bytes(word);
  }
  expect(bytes <= kMaxDraftNames, member,
         "has more than " + std::to_string(kMaxDraftNames) + " bytes of names");
}

const char* word_of(StudyDraft::Layout layout) {
  return layout == StudyDraft::Layout::kRows ? "rows" : "columns";
}

std::string whitening_word(const StudyDraft& draft) {
  switch (draft.whitening) {
    case StudyDraft::Whitening::kNone:
      return "none";
    case StudyDraft::Whitening::kPooled:
      return "pooled";
    case StudyDraft::Whitening::kFile:
      return to_hex(draft.whitening_file);
  }
  throw ContractError("no such whitening");
}

void read_whitening(const JsonIn& in, StudyDraft& draft) {
  using Whitening = StudyDraft::Whitening;
  const std::string word = in.as<std::string>();
  draft.whitening = word == "none"     ? Whitening::kNone
                    : word == "pooled" ? Whitening::kPooled
                                       : Whitening::kFile;
  if (draft.whitening == Whitening::kFile && !from_hex(word, draft.whitening_file))
    in.refuse("\"none\", \"pooled\" or a SHA-256 in hexadecimal");
}

/// Whether X25519 @[RFC7748] with it gives anything but zeros: not so for the points of small order, and then whatever the other
/// key is, so that this one here is of no matter and no secret.
bool shares_secrets(const SealingKey& sealing) {
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  constexpr SealingKey any{1};
  std::array<std::uint8_t, 32> shared{};
  std::size_t size = shared.size();
  const Key own(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, any.data(), any.size()),
                EVP_PKEY_free);
  const Key theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, sealing.data(), sealing.size()),
      EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
  if (!theirs || !context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1)
    throw CryptographyUnavailable("X25519");
  return EVP_PKEY_derive(context.get(), shared.data(), &size) == 1;
}

}  // namespace

std::string StudyDraft::parameters_for(std::size_t owners) {
  return owners <= 4 ? "Joint4" : "Joint16";
}

void StudyDraft::validate() const {
  expect(is_text(name, kMaxStudyName), "name",
         "is a text of 1 to " + std::to_string(kMaxStudyName) + " bytes");
  expect(owners.size() >= kLeastOwners && owners.size() <= kMostOwners, "owners",
         "are " + std::to_string(kLeastOwners) + " to " + std::to_string(kMostOwners));
  std::set<std::string> names;
  for (const std::string& owner : owners) {
    expect(is_party_name(owner) && owner != kServerName, "owners",
           "have names of 1 to 16 of a to z, 0 to 9 and '-', the first a letter, and none is '" +
               std::string(kServerName) + "'");
    expect(names.insert(owner).second, "owners", "has '" + owner + "' twice");
  }
  expect(names.contains(coordinator), "coordinator", "is none of its owners");
  expect(classes.size() >= 2 && classes.size() <= kMaxClasses, "classes",
         "are 2 to " + std::to_string(kMaxClasses));
  expect_words(classes, "classes");
  const bool by_columns = layout == Layout::kColumns;
  expect(columns.size() == (by_columns ? owners.size() : 1), "columns",
         by_columns ? "has a number for each owner" : "is one number");
  std::size_t all = 0;
  for (const std::size_t count : columns) {
    expect(count >= 1 && count < kMaxColumns && (all += count) < kMaxColumns, "columns",
           "are 1 to " + std::to_string(kMaxColumns - 1) + " together");
  }
  expect(column_names.empty() || (!by_columns && column_names.size() == columns.front()),
         "column_names", "are as many as its columns, or none");
  expect_words(column_names, "column_names");
  expect(by_columns ? names.contains(labels) : labels.empty(), "labels",
         by_columns ? "are at none of its owners" : "are at every owner");
  expect(by_columns || !identifiers, "identifiers", "match rows of owners with different columns");
  expect(epsilon == kDefaultStudyEpsilon || (whitening == Whitening::kPooled &&
                                             epsilon >= kLeastEpsilon && epsilon <= kMostEpsilon),
         "epsilon", "is 1e-6 to 1000, of pooled whitening");
  expect(static_cast<std::size_t>(config.classes) == classes.size(), "training",
         "is for " + std::to_string(config.classes) + " classes, expected " +
             std::to_string(classes.size()));
  const HeadCircuit& chosen = circuit_named(circuit);
  expect(chosen.head().name() == config.head && chosen.serves(classes.size()), "circuit",
         "does not serve its training");
  expect(threshold == 0 || (threshold >= kLeastThreshold && threshold <= owners.size()),
         "threshold", "is 2 to as many as its owners");
  expect(recipient.empty()
             ? !recipient_alone
             : is_party_name(recipient) && recipient != kServerName && !names.contains(recipient),
         "recipient", "has a name as owners have, and is none of them");
  // It would have to be handed the file by somebody.
  expect(recipient.empty() || whitening != Whitening::kFile, "recipient",
         "needs a study whose whitening is 'none' or 'pooled': nobody hands it the map, "
         "without which it could not use the model");
  expect(validate_every >= 0 && validate_every <= kMaxSteps && patience >= 1 &&
             patience <= kMostStudyPatience,
         "validation",
         "is a round every 1 to " + std::to_string(kMaxSteps) + " steps, with a patience of 1 to " +
             std::to_string(kMostStudyPatience) + " rounds");
  expect(validate_every == 0 || config.steps == 0 || validate_every < config.steps, "validation",
         "is every " + std::to_string(validate_every) + " steps of " +
             std::to_string(config.steps) + ": with one round there is no model to choose from");
  expect(
      validate_every == 0 || !by_columns, "validation",
      "is by rows that owners have for themselves: of owners with different columns none has any");
  expect(validate_every == 0 || !by_threshold(), "validation",
         "takes all owners, and so does its model: leave out the threshold, or the validation");
  expect(
      validate_every == 0 || !recipient_alone, "validation",
      "shows each owner scores of its rows by each round's model, which nobody but the recipient "
      "is to have: leave out the one or the other");
  const auto most = static_cast<std::size_t>(find_parameters(parameters).owners);
  expect(owners.size() <= most, "parameters",
         "'" + parameters + "' are for " + std::to_string(most) + " owners at most");
}

std::vector<std::string> StudyDraft::parties() const {
  std::vector<std::string> out = owners;
  if (!recipient.empty()) out.push_back(recipient);
  out.emplace_back(kServerName);
  return out;
}

std::size_t StudyDraft::index(const std::string& owner) const {
  const auto found = std::ranges::find(owners, owner);
  require(found != owners.end(), "an owner of the study");
  return static_cast<std::size_t>(found - owners.begin());
}

ProductLayout StudyDraft::key_layout(const Parameters& parameters_) const {
  std::size_t all = 1;
  for (const std::size_t count : columns) all += count;
  const std::size_t batch = config.batch_size;
  const ProductLayout one = ProductLayout::plan(parameters_, batch, all, classes.size(), batch);
  if (layout == Layout::kRows) return one;
  // Every owner has whole groups, but for the last one, whom the constant column follows.
  std::size_t features = 1;
  for (std::size_t i = 0; i < columns.size(); ++i)
    features +=
        i + 1 < columns.size() ? (columns[i] + one.width - 1) / one.width * one.width : columns[i];
  if (features > kMaxColumns)
    throw DataError("a study's 'columns', each owner's in groups of " + std::to_string(one.width) +
                    ", are more than " + std::to_string(kMaxColumns));
  return ProductLayout::create(parameters_, batch, features, classes.size(), one.width);
}

nlohmann::json to_json(const StudyDraft& d) {
  nlohmann::json out = {{"name", d.name},
                        {"owners", d.owners},
                        {"coordinator", d.coordinator},
                        {"classes", d.classes},
                        {"layout", word_of(d.layout)},
                        {"columns", d.columns},
                        {"column_names", d.column_names},
                        {"parameters", d.parameters},
                        {"training", learn::to_json(d.config)},
                        {"circuit", d.circuit},
                        {"whitening", whitening_word(d)},
                        {"encoder", d.encoder ? to_hex(*d.encoder) : ""},
                        {"threshold", d.needed()},
                        {"results", 1}};
  if (d.layout == StudyDraft::Layout::kColumns) out["labels"] = d.labels;
  if (d.identifiers) out["identifiers"] = true;
  if (d.rate_by_batch) out["rate_by_batch"] = true;
  if (!d.recipient.empty()) {
    out["recipient"] = d.recipient;
    out["readers"] = d.recipient_alone ? "recipient" : "all";
  }
  if (d.epsilon != kDefaultStudyEpsilon) out["epsilon"] = d.epsilon;
  if (d.validate_every > 0)
    out["validation"] = {{"every", d.validate_every}, {"patience", d.patience}};
  return out;
}

StudyDraft draft_from_json(const JsonIn& in) {
  require_members(
      in,
      {"name", "owners", "coordinator", "classes", "layout", "columns", "column_names",
       "parameters", "training", "circuit", "whitening", "encoder", "threshold", "results"},
      {"labels", "epsilon", "recipient", "readers", "identifiers", "rate_by_batch", "validation"});
  StudyDraft d;
  in.take("name", d.name);
  in.take("owners", d.owners);
  in.take("coordinator", d.coordinator);
  in.take("classes", d.classes);
  const std::string layout = in.at("layout").as<std::string>();
  if (layout != "rows" && layout != "columns") in.at("layout").refuse("\"rows\" or \"columns\"");
  d.layout = layout == "rows" ? StudyDraft::Layout::kRows : StudyDraft::Layout::kColumns;
  const JsonIn columns = in.at("columns");
  for (std::size_t i = 0; i < columns.size(); ++i)
    d.columns.push_back(
        static_cast<std::size_t>(columns.at(i).whole(1, static_cast<std::int64_t>(kMaxColumns))));
  in.take("column_names", d.column_names);
  in.take("labels", d.labels);
  in.take("identifiers", d.identifiers);
  d.rate_by_batch = in.has("rate_by_batch") && in.at("rate_by_batch").as<bool>();
  in.take("parameters", d.parameters);
  d.config = training_config_from_json(in.at("training").value());
  in.take("circuit", d.circuit);
  read_whitening(in.at("whitening"), d);
  in.take("epsilon", d.epsilon);
  in.take("recipient", d.recipient);
  std::string readers = "all";
  in.take("readers", readers);
  if (readers != "all" && readers != "recipient")
    in.at("readers").refuse("\"all\" or \"recipient\"");
  d.recipient_alone = readers == "recipient";
  if (!in.at("encoder").as<std::string>().empty()) d.encoder = hex_member<32>(in, "encoder");
  d.threshold = static_cast<std::size_t>(
      in.at("threshold").whole(kLeastThreshold, static_cast<std::int64_t>(kMostOwners)));
  if (d.threshold == d.owners.size()) d.threshold = 0;
  if (in.has("validation")) {
    const JsonIn validation = in.at("validation");
    require_members(validation, {"every", "patience"});
    d.validate_every = static_cast<int>(validation.at("every").whole(1, kMaxSteps));
    d.patience = static_cast<int>(validation.at("patience").whole(1, kMostStudyPatience));
  }
  (void)in.at("results").whole(1, 1);
  d.validate();
  return d;
}

const StudyParty& StudyManifest::party(const std::string& name) const {
  if (name == server.name) return server;
  if (recipient && name == recipient->name) return *recipient;
  return owners[draft.index(name)];
}

StudyMessage draft_message(const StudyDraft& draft) {
  draft.validate();
  return {"draft", draft.coordinator, {}, 0, to_json(draft)};
}

StudyMessage join_message(const Sha256Digest& digest, const StudyParty& party) {
  nlohmann::json body = {{"signing", to_hex(party.signing)}};
  if (party.name != kServerName) body["sealing"] = to_hex(party.sealing);
  return {"join", party.name, digest, 0, std::move(body)};
}

Sha256Digest draft_digest(const SignedMessage& draft) { return Sha256().add(draft.bytes).finish(); }

StudyDraft read_draft(const SignedMessage& draft) {
  if (draft.message.kind != "draft") throw DataError(draft.where + ": is no draft of a study");
  try {
    StudyDraft out = draft_from_json(JsonIn(draft.message.body, draft.where));
    if (out.coordinator != draft.message.from)
      throw DataError("'" + draft.message.from + "' has written it, and it names '" +
                      out.coordinator + "' as its coordinator");
    return out;
  } catch (const SecurityError&) {
    throw;
  } catch (const DataError& error) {
    const std::string what = error.what();
    throw DataError(what.starts_with(draft.where) ? what : draft.where + ": " + what);
  }
}

ParametersPtr study_parameters(const StudyDraft& draft, bool allow_insecure) {
  ParametersPtr parameters = Parameters::create(find_parameters(draft.parameters));
  if (parameters->insecure() && !allow_insecure)
    throw SecurityError("the study '" + draft.name + "' is under '" + draft.parameters +
                        "', which is below 128 bits of security; refused without "
                        "--allow-insecure-parameters");
  return parameters;
}

StudyManifest make_manifest(const SignedMessage& draft, std::span<const SignedMessage> joins,
                            bool allow_insecure) {
  StudyManifest out;
  out.draft = read_draft(draft);
  out.parameters = study_parameters(out.draft, allow_insecure);
  out.draft_digest = draft_digest(draft);
  const std::vector<std::string> parties = out.draft.parties();
  require(joins.size() == parties.size(), "a join of everybody who joins");
  std::set<PublicSigningKey> keys;
  std::set<SealingKey> sealing;
  for (std::size_t i = 0; i < parties.size(); ++i) {
    const bool is_server = parties[i] == kServerName;
    StudyParty party{parties[i], {}, {}};
    const JsonIn body(joins[i].message.body, joins[i].where);
    require_members(body, is_server ? std::vector<std::string>{"signing"}
                                    : std::vector<std::string>{"sealing", "signing"});
    party.signing = hex_member<32>(body, "signing");
    if (!is_server) party.sealing = hex_member<32>(body, "sealing");
    (void)open_message(joins[i], {"join", party.name, out.draft_digest, 0}, party.signing);
    if (!keys.insert(party.signing).second || !(is_server || sealing.insert(party.sealing).second))
      throw DataError(joins[i].where + ": '" + party.name + "' has the key of another party");
    if (!is_server && !shares_secrets(party.sealing))
      throw DataError(joins[i].where + ": nothing can be sealed for '" + party.name +
                      "': its X25519 key is of small order");
    if (is_server)
      out.server = std::move(party);
    else if (party.name == out.draft.recipient)
      out.recipient = std::move(party);
    else
      out.owners.push_back(std::move(party));
  }
  (void)open_message(draft, {"draft", out.draft.coordinator, {}, 0},
                     out.party(out.draft.coordinator).signing);
  Sha256 digest;
  digest.add(kManifestDomain);
  const auto add = [&](const SignedMessage& message) {
    digest.add_number(message.bytes.size()).add(message.bytes);
  };
  add(draft);
  for (const SignedMessage& join : joins) add(join);
  out.digest = digest.finish();
  return out;
}

}  // namespace blindtuner::records
