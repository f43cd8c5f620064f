# Everything here is installed below $(pkgdatadir) under the same relative names.
