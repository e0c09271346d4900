use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What `schema::AttributeValue` is in the description: true or false, a whole number, or text of at most 256 bytes.
pub struct PlainValue;

impl PartialSchema for PlainValue {
    fn schema() -> RefOr<Schema> {
        let plain = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
        let values = OneOfBuilder::new()
            .item(plain(Type::Boolean))
            .item(plain(Type::Integer))
            .item(plain(Type::String).max_length(Some(256)))
            .description(Some("true or false, a whole number, or text of at most 256 bytes"));
        RefOr::T(Schema::OneOf(values.build()))
    }
}

impl ToSchema for PlainValue {}
