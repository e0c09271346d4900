//! What holds whatever happens: rules tried on random lives.
