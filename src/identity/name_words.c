/*-------------------------------------------------------------------------
 *
 * name_words.c
 *		Words in personal names: abbreviations, titles, particles, given names.
 *
 * All tables are folded and sorted by bytes.  The given names are the words of
 * the 400 most frequent names of each sex in Spain (Instituto Nacional de
 * Estadistica), without those that are more frequent as surnames; they tell
 * where the given name ends when a name is written in one piece.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/identity.h"

typedef struct Abbreviation
{
	const char *word;
	const char *meaning;
} Abbreviation;

static const Abbreviation abbreviations[] = {
	{"alej", "alejandro"}, {"alf", "alfonso"}, {"alvez", "alvarez"}, {"alvrez", "alvarez"},
	{"alvz", "alvarez"}, {"ant", "antonio"}, {"anto", "antonio"}, {"bmdez", "bermudez"},
	{"bmudez", "bermudez"}, {"dgo", "domingo"}, {"dguez", "dominguez"},
	{"dmguez", "dominguez"}, {"fca", "francisca"}, {"fco", "francisco"},
	{"fda", "fernanda"}, {"fdez", "fernandez"}, {"fdo", "fernando"},
	{"fernz", "fernandez"}, {"fez", "fernandez"}, {"frdez", "fernandez"},
	{"gca", "garcia"}, {"gcia", "garcia"}, {"glez", "gonzalez"}, {"glz", "gonzalez"},
	{"gmez", "gomez"}, {"gmo", "guillermo"}, {"gmz", "gomez"}, {"gnzlz", "gonzalez"},
	{"grcia", "garcia"}, {"grmo", "guillermo"}, {"gtrez", "gutierrez"},
	{"gtz", "gutierrez"}, {"gutrez", "gutierrez"}, {"gzlez", "gonzalez"},
	{"hdez", "hernandez"}, {"hdz", "hernandez"}, {"hrdez", "hernandez"},
	{"isab", "isabel"}, {"jco", "francisco"}, {"jmez", "jimenez"}, {"jmnez", "jimenez"},
	{"jn", "juan"}, {"jnez", "jimenez"}, {"jqn", "joaquin"}, {"jse", "jose"},
	{"just", "justo"}, {"ldo", "leopoldo"}, {"lpez", "lopez"}, {"lpz", "lopez"},
	{"ma", "maria"}, {"mdez", "mendez"}, {"mel", "manuel"}, {"merc", "mercedes"},
	{"mgta", "margarita"}, {"mig", "miguel"}, {"mndez", "mendez"}, {"mnez", "martinez"},
	{"mnoz", "munoz"}, {"mnuel", "manuel"}, {"mra", "maria"}, {"mrtnz", "martinez"},
	{"mtez", "martinez"}, {"mtnez", "martinez"}, {"nnez", "nunez"}, {"nta", "antonia"},
	{"ped", "pedro"}, {"prz", "perez"}, {"pz", "perez"}, {"raf", "rafael"},
	{"ramn", "ramon"}, {"ramz", "ramirez"}, {"rdez", "rodriguez"}, {"rdguez", "rodriguez"},
	{"rdo", "ricardo"}, {"rdrgz", "rodriguez"}, {"rguez", "rodriguez"},
	{"rmrez", "ramirez"}, {"rodz", "rodriguez"}, {"sbt", "sebastian"},
	{"schez", "sanchez"}, {"schz", "sanchez"}, {"sgo", "santiago"}, {"snchez", "sanchez"},
	{"snchz", "sanchez"}, {"srez", "suarez"}, {"suarz", "suarez"}, {"vcte", "vicente"},
	{"velzquez", "velazquez"}, {"vlazquez", "velazquez"}, {"vqez", "vazquez"},
	{"vquez", "vazquez"}, {"vte", "vicente"}, {"vzquez", "vazquez"}, {"xto", "cristo"}
};

static const char *const titles[] = {
	"dn", "dna", "don", "dona", "dr", "dra", "excma", "excmo", "frau", "fray", "herr",
	"ilma", "ilmo", "ing", "lic", "miss", "mlle", "mme", "mr", "mrs", "ms", "prof", "rvdo",
	"sir", "sor", "sr", "sra", "sres", "srta"
};

static const char *const particles[] = {
	"al", "ben", "bin", "da", "das", "de", "del", "den", "der", "di", "do", "dos", "du",
	"e", "el", "i", "la", "las", "le", "los", "ter", "van", "von", "y"
};

static const char *const given_names[] = {
	"aaron", "abdelaziz", "abdelkader", "abdellah", "abel", "abraham", "adam", "adela",
	"adelaida", "adelina", "adolfo", "adoracion", "adria", "adrian", "adriana", "africa",
	"agueda", "agustin", "agustina", "ahmed", "aicha", "aida", "aina", "ainara", "ainhoa",
	"ainoa", "aitana", "aitor", "alba", "albert", "alberto", "aleix", "alejandra",
	"alejandro", "alex", "alexander", "alexandra", "alexandre", "alexandru", "alexis",
	"alfonsa", "alfonso", "alfredo", "ali", "alicia", "almudena", "alvaro", "amadeo",
	"amaia", "amalia", "amanda", "amelia", "amparo", "ana", "anabel", "anastasio", "ander",
	"andoni", "andrea", "andres", "ane", "angel", "angela", "angeles", "angelica",
	"angelina", "angels", "angustias", "anna", "anselmo", "antoni", "antonia", "antonio",
	"araceli", "arantxa", "aranzazu", "ariadna", "aritz", "armando", "arnau", "aroa",
	"arturo", "ascension", "asier", "asuncion", "aurea", "aurelia", "aurelio", "aurora",
	"auxiliadora", "avelina", "avelino", "azucena", "baldomero", "baltasar", "barbara",
	"bartolome", "basilio", "beatriz", "begona", "belen", "benigno", "benita", "benjamin",
	"bernardino", "bernardo", "bernat", "berta", "bienvenida", "bienvenido", "blanca",
	"blas", "borja", "brahim", "brais", "brian", "brigida", "bruno", "camilo", "candela",
	"candelaria", "candida", "candido", "caridad", "carla", "carles", "carlos", "carlota",
	"carme", "carmelo", "carmen", "carolina", "casimiro", "catalina", "cayetano",
	"cecilia", "cecilio", "celestino", "celia", "celso", "cesar", "cesareo", "christian",
	"cinta", "cipriano", "clara", "claudia", "claudio", "clotilde", "concepcion",
	"consolacion", "constantin", "constantino", "consuelo", "cristian", "cristina",
	"cristobal", "damian", "daniel", "daniela", "dario", "david", "delfina", "delia",
	"demetrio", "desamparados", "desiree", "diana", "diego", "dionisia", "dionisio",
	"dios", "dolores", "dolors", "domingo", "edgar", "eduard", "eduardo", "edurne",
	"eladio", "elena", "elia", "elias", "elisa", "elisabet", "elisabeth", "eliseo",
	"elizabeth", "eloisa", "eloy", "elsa", "elvira", "emilia", "emiliana", "emiliano",
	"emilio", "emma", "encarnacion", "eneko", "enric", "enrique", "enriqueta", "eric",
	"erik", "erika", "ernesto", "esmeralda", "esperanza", "esteban", "estefania", "estela",
	"ester", "esther", "estibaliz", "estrella", "eugenia", "eugenio", "eulalia", "eulogio",
	"eusebio", "eva", "evangelina", "evaristo", "ezequiel", "fabian", "fabiola", "fatima",
	"faustino", "federico", "feliciano", "felicidad", "felipa", "felipe", "felisa",
	"felix", "fermin", "fernanda", "fernando", "ferran", "fidel", "filomena", "flora",
	"florencia", "florencio", "florentina", "florentino", "florin", "francesc",
	"francisca", "francisco", "fuensanta", "fulgencio", "gabriel", "gabriela", "gaspar",
	"gema", "gemma", "genoveva", "gerard", "gerardo", "german", "gheorghe", "gines",
	"gisela", "gloria", "gonzalo", "gorka", "gregoria", "gregorio", "guadalupe", "guillem",
	"guillermo", "gustavo", "hassan", "hector", "helena", "herminia", "herminio", "hicham",
	"hilario", "hortensia", "hugo", "iago", "ian", "ibai", "idoia", "ignacio", "igor",
	"iker", "ildefonso", "imanol", "inaki", "ines", "ingrid", "inigo", "inmaculada",
	"ioan", "ion", "irati", "irene", "iria", "irina", "iris", "isaac", "isabel", "isidora",
	"isidoro", "isidro", "ismael", "israel", "itziar", "ivan", "izan", "izaskun",
	"jacinta", "jacinto", "jacobo", "jaime", "jairo", "jan", "jana", "jaume", "javier",
	"jenifer", "jennifer", "jeronimo", "jesica", "jessica", "jesus", "jesusa", "jimena",
	"joan", "joana", "joaquim", "joaquin", "joaquina", "joel", "jon", "jonatan",
	"jonathan", "jordi", "jorge", "jose", "joseba", "josefa", "josefina", "josep", "josu",
	"josue", "juan", "juana", "judit", "judith", "julen", "julia", "julian", "juliana",
	"julio", "justa", "justo", "kevin", "khadija", "khalid", "laia", "laura", "laureano",
	"leandro", "leire", "leonardo", "leonor", "leopoldo", "leticia", "leyre", "lidia",
	"liliana", "lluis", "lola", "lorena", "lorenza", "lourdes", "lucas", "lucia",
	"luciano", "lucio", "luis", "luisa", "luz", "lydia", "macarena", "magdalena", "maite",
	"manel", "manuel", "manuela", "mar", "marc", "marcel", "marcelina", "marcelino",
	"marcelo", "marcial", "marco", "marcos", "margarita", "maria", "marian", "mariana",
	"mariano", "marina", "mario", "marisol", "marius", "marta", "martina", "matias",
	"matilde", "mauricio", "mauro", "maximo", "merce", "mercedes", "meritxell", "micaela",
	"michael", "miguel", "mihaela", "mihai", "mikel", "milagros", "miquel", "mireia",
	"miriam", "mirian", "modesta", "modesto", "mohamed", "mohammed", "moises", "monica",
	"monserrat", "montserrat", "muhammad", "mustapha", "nadia", "naiara", "naima",
	"narciso", "natalia", "natividad", "nayara", "nazaret", "nerea", "nestor", "neus",
	"nicolae", "nicolas", "nieves", "nil", "noa", "noelia", "noemi", "nora", "nuria",
	"obdulia", "octavio", "olga", "olivia", "omar", "oriol", "oscar", "otilia", "pablo",
	"palmira", "paloma", "paola", "patricia", "patricio", "patrocinio", "pau", "paula",
	"paulina", "paulino", "paz", "pedro", "pere", "petra", "piedad", "pilar", "pino",
	"placido", "pol", "purificacion", "rachid", "rafael", "rafaela", "raimundo", "ramiro",
	"ramon", "ramona", "raquel", "raul", "rebeca", "regina", "remedios", "ricard",
	"ricardo", "rita", "robert", "roberto", "rocio", "rodolfo", "rodrigo", "rogelio",
	"roger", "rosa", "rosalia", "rosana", "rosario", "roser", "ruben", "rufina", "rufino",
	"ruth", "sabina", "sagrario", "said", "salvador", "salvadora", "samuel", "sandra",
	"santiago", "sara", "saray", "saturnino", "saul", "sebastian", "sebastiana", "segundo",
	"serafin", "sergi", "sergio", "sheila", "silvia", "socorro", "sofia", "sol", "soledad",
	"sonia", "soraya", "stefan", "susana", "tamara", "tania", "tatiana", "teodora",
	"teodoro", "teofilo", "teresa", "tomas", "tomasa", "trinidad", "unai", "valentin",
	"valentina", "valeria", "valeriano", "vanesa", "vanessa", "vasile", "veronica",
	"vicenta", "vicente", "victor", "victoria", "victoriano", "violeta", "virginia",
	"virtudes", "visitacion", "xabier", "xavier", "yago", "yaiza", "yasmina", "yeray",
	"yolanda", "youssef", "zaira"
};

static int
compare_word(const char *word, int len, const char *entry)
{
	int			c = strncmp(word, entry, len);

	return c != 0 ? c : entry[len] == '\0' ? 0 : -1;
}

static bool
among(const char *word, int len, const char *const *table, int n)
{
	int			low = 0;

	while (low < n)
	{
		int			middle = (low + n) / 2;
		int			c = compare_word(word, len, table[middle]);

		if (c == 0)
			return true;
		if (c < 0)
			n = middle;
		else
			low = middle + 1;
	}
	return false;
}

const char *
cj_name_abbreviation(const char *word, int len)
{
	int			low = 0;
	int			high = lengthof(abbreviations);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			c = compare_word(word, len, abbreviations[middle].word);

		if (c == 0)
			return abbreviations[middle].meaning;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
cj_name_is_title(const char *word, int len)
{
	return among(word, len, titles, lengthof(titles));
}

bool
cj_name_is_particle(const char *word, int len)
{
	return among(word, len, particles, lengthof(particles));
}

bool
cj_name_is_given(const char *word, int len)
{
	return among(word, len, given_names, lengthof(given_names));
}
