
mod supervised;
