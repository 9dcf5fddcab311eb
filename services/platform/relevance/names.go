package relevance

import commonv1 "kompass.krz.de/proto/kompass/common/v1"

// classNames are the size classes in German, as people read them.
var classNames = map[commonv1.SizeClass]string{
	commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED:                      "Größenklasse ungeklärt",
	commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT:                 "Kreisfreie Stadt",
	commonv1.SizeClass_SIZE_CLASS_STAEDTEREGIONSANGEHOERIGE_STADT:  "Städteregionsangehörige Stadt",
	commonv1.SizeClass_SIZE_CLASS_GROSSE_KREISANGEHOERIGE_STADT:    "Große kreisangehörige Stadt",
	commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT:  "Mittlere kreisangehörige Stadt",
	commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE: "Kleine kreisangehörige Gemeinde",
	commonv1.SizeClass_SIZE_CLASS_KREIS:                            "Kreis",
	commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION:                    "Städteregion",
}

// ClassName is a size class in German; empty for one that the contract does not have.
func ClassName(class commonv1.SizeClass) string { return classNames[class] }
