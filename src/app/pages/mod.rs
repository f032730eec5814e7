//! One module a page of the navigation.
