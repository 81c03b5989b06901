//! Words that seeded people and companies are made of.

/// A country with names and places that occur there.
pub(super) struct Country {
    pub(super) code: &'static str,
    pub(super) nationality: &'static str,
    pub(super) dial: &'static str,
    pub(super) city: &'static str,
    pub(super) given: &'static [&'static str],
    pub(super) family: &'static [&'static str],
}

const fn country(
    code: &'static str,
    nationality: &'static str,
    dial: &'static str,
    city: &'static str,
    given: &'static [&'static str],
    family: &'static [&'static str],
) -> Country {
    Country {
        code,
        nationality,
        dial,
        city,
        given,
        family,
    }
}

/// Where seeded people come from. Two of them are on every screening list.
pub(super) const COUNTRIES: [Country; 14] = [
    country(
        "US",
        "American",
        "+1",
        "Denver",
        &["Olivia", "Liam", "Emma", "Noah"],
        &["Carter", "Nguyen", "Brooks"],
    ),
    country(
        "GB",
        "British",
        "+44",
        "Leeds",
        &["Amelia", "Harry", "Isla", "George"],
        &["Clarke", "Patel", "O'Neill"],
    ),
    country(
        "NG",
        "Nigerian",
        "+234",
        "Lagos",
        &["Chidi", "Ngozi", "Tunde", "Amaka"],
        &["Okafor", "Adeyemi", "Bello"],
    ),
    country(
        "GH",
        "Ghanaian",
        "+233",
        "Accra",
        &["Kwame", "Ama", "Kofi", "Efua"],
        &["Mensah", "Owusu", "Boateng"],
    ),
    country(
        "KE",
        "Kenyan",
        "+254",
        "Nairobi",
        &["Wanjiru", "Otieno", "Achieng"],
        &["Kamau", "Odhiambo", "Mutua"],
    ),
    country(
        "DE",
        "German",
        "+49",
        "Köln",
        &["Jürgen", "Zoë", "Lukas", "Änne"],
        &["Müller", "Groß", "Schäfer"],
    ),
    country(
        "FR",
        "French",
        "+33",
        "Orléans",
        &["Chloé", "Étienne", "Loïc"],
        &["Lefèvre", "Dupont", "Gérard"],
    ),
    country(
        "IN",
        "Indian",
        "+91",
        "Pune",
        &["Aarav", "Diya", "Rohan", "Meera"],
        &["Sharma", "Iyer", "Khan"],
    ),
    country(
        "JP",
        "Japanese",
        "+81",
        "大阪市",
        &["結衣", "蓮", "陽菜"],
        &["佐藤", "鈴木", "高橋"],
    ),
    country(
        "BR",
        "Brazilian",
        "+55",
        "São Paulo",
        &["João", "Beatriz", "Caio"],
        &["Silva", "Araújo", "Conceição"],
    ),
    country(
        "CA",
        "Canadian",
        "+1",
        "Toronto",
        &["Maya", "Ethan", "Noémie"],
        &["Tremblay", "Singh", "MacLeod"],
    ),
    country(
        "ZA",
        "South African",
        "+27",
        "Durban",
        &["Thandi", "Sipho", "Anri"],
        &["Nkosi", "van der Merwe", "Naidoo"],
    ),
    country(
        "IR",
        "Iranian",
        "+98",
        "Tehran",
        &["Shirin", "Dariush", "Parisa"],
        &["Hosseini", "Rahimi", "Karimi"],
    ),
    country(
        "KP",
        "North Korean",
        "+850",
        "Pyongyang",
        &["Chol-su", "Un-ju", "Hye-jin"],
        &["Ri", "Pak", "Kim"],
    ),
];

/// What companies are called.
pub(super) const COMPANY_WORDS: [&str; 12] = [
    "Harbor",
    "Northwind",
    "Sable",
    "Juniper",
    "Atlas",
    "Meridian",
    "Copperfield",
    "Lantern",
    "Brightwater",
    "Savanna",
    "Quayside",
    "Ironwood",
];
/// What companies do.
pub(super) const COMPANY_TRADES: [&str; 8] = [
    "Trading",
    "Logistics",
    "Payments",
    "Foods",
    "Textiles",
    "Energy",
    "Robotics",
    "Pharma",
];
/// How companies end.
pub(super) const COMPANY_FORMS: [&str; 6] = ["Ltd", "GmbH", "Inc.", "S.A.", "PLC", "& Sons"];
/// Streets.
pub(super) const STREETS: [&str; 8] = [
    "Elm St",
    "High Street",
    "Rue des Lilas",
    "Station Road",
    "Marina Way",
    "Hauptstraße",
    "5th Avenue",
    "Mill Lane",
];

/// Names that a careless page or query breaks on.
pub(super) const ODD_NAMES: [(&str, &str); 12] = [
    ("محمد", "الأحمد"),
    ("Zażółć", "Gęślą-Jaźń"),
    ("e\u{301}lodie", "combining\u{308}"),
    ("👩‍👩‍👧", "Fàmìly🇳🇬"),
    ("<img src=x onerror=alert(1)>", "</script><b>Bold</b>"),
    (
        "Robert'); DROP TABLE identities;--",
        "\"Quote\" \\ Backslash",
    ),
    ("{{7*7}}", "${jndi:x}"),
    ("zero\u{200b}width", "right\u{202e}to\u{202c}left"),
    ("  leading", "trailing  "),
    ("=cmd|' /C calc'!A0", "+1+1"),
    ("Ñandú", "İstanbullu"),
    ("null", "undefined"),
];
